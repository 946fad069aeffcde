"""Faults on other machines, as the user reads them."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from google.api_core import exceptions as google
from google.auth.exceptions import RefreshError
from zenml.enums import ExecutionStatus
from zenml.models import ExceptionInfo
from zenml.utils.time_utils import utc_now

from commands.failures import RemoteError, explained, failure_of
from utils.errors import CloudError, StoreError

JOB_TEXT = 'Job `projects/p/customJobs/7` failed: env { name: "ZENML_STORE_API_TOKEN" value: "s3" }'


def caused_by(cause: Exception) -> RuntimeError:
    """As ZenML wraps what Google's client raises."""
    try:
        raise RuntimeError("Failed to create the job") from cause
    except RuntimeError as error:
        return error


def run_with(status: ExecutionStatus, **info: str) -> SimpleNamespace:
    """What `failure_of` reads of a run with one good step and another one."""
    step = SimpleNamespace(status=status, exception_info=ExceptionInfo(traceback="", **info))
    good = SimpleNamespace(status=ExecutionStatus.COMPLETED, exception_info=None)
    steps = {"split_by_scene": good, "train_detector": step}
    return SimpleNamespace(steps=steps, status=ExecutionStatus.FAILED, exception_info=None)


@pytest.mark.parametrize("wrap", [lambda error: error, caused_by], ids=["bare", "wrapped by ZenML"])
@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        pytest.param(google.ResourceExhausted("out of L4"), "no quota left.*out of L4", id="quota"),
        pytest.param(
            RefreshError("invalid_grant: expired"), "gcloud auth application-default", id="expired"
        ),
        pytest.param(google.Unauthenticated("who?"), "gcloud auth application-default", id="401"),
        pytest.param(google.Forbidden("no role"), "--check-stack vertex", id="403"),
        pytest.param(google.NotFound("no image"), "--check-stack vertex", id="404"),
        pytest.param(google.ServiceUnavailable("busy"), "run it again", id="503"),
        pytest.param(
            google.RetryError("deadline", cause=google.ServiceUnavailable("busy")),
            "busy",
            id="tried",
        ),
    ],
)
def test_a_fault_of_google_is_one_sentence_with_a_remedy(error, sentence, wrap):
    found = explained(wrap(error), "no-such-pipeline", utc_now())
    assert isinstance(found, CloudError)
    assert len(str(found).splitlines()) == 1
    with pytest.raises(CloudError, match=sentence):
        raise found


def test_an_own_error_stays_what_it_is():
    error = StoreError("the bucket is gone")
    assert explained(error, "no-such-pipeline", utc_now()) is error


def test_the_text_of_a_failed_job_is_not_repeated():
    found = explained(RuntimeError(JOB_TEXT), "no-such-pipeline", utc_now())
    assert "projects/p/customJobs/7" in str(found)
    assert "TOKEN" not in str(found)
    assert "s3" not in str(found)


@pytest.mark.parametrize("status", [ExecutionStatus.FAILED, ExecutionStatus.RETRYING])
def test_an_own_error_on_another_machine_is_that_error_here(status):
    run = run_with(status, source="utils.errors.StoreError", message="gs://b does not exist.")
    failure = failure_of(run)
    assert type(failure) is StoreError
    assert str(failure) == "gs://b does not exist."


def test_another_error_on_another_machine_names_the_step():
    run = run_with(ExecutionStatus.FAILED, source="builtins.ValueError", message="a\nb")
    failure = failure_of(run)
    assert type(failure) is RemoteError
    assert "step 'train_detector' failed with ValueError: a b" in str(failure)


def test_a_run_that_went_well_has_no_failure():
    run = run_with(ExecutionStatus.COMPLETED)
    run.status = ExecutionStatus.COMPLETED
    assert failure_of(run) is None
