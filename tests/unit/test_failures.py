"""Faults on other machines, as the user reads them."""

from __future__ import annotations

import subprocess
import traceback
from types import SimpleNamespace

import pytest
from google.api_core import exceptions as google
from google.auth.exceptions import RefreshError
from zenml import pipeline, step
from zenml.enums import ExecutionStatus
from zenml.models import ExceptionInfo
from zenml.utils import source_utils

from commands.runs.failures import RemoteError, explained, require_success
from commands.runs.job_progress import job_progress
from commands.runs.reachability import require_checkout
from utils.errors import CloudError, ConfigurationError, SpyglassError, StoreError

JOB_TEXT = 'Job `projects/p/customJobs/7` failed: env { name: "ZENML_STORE_API_TOKEN" value: "s3" }'


def caused_by(cause: Exception) -> RuntimeError:
    """As ZenML wraps what Google's client raises."""
    try:
        raise RuntimeError("Failed to create the job") from cause
    except RuntimeError as error:
        return error


def run_with(status: ExecutionStatus, **info: str) -> SimpleNamespace:
    """A run for `require_success`, with one good step and another one."""
    step = SimpleNamespace(status=status, exception_info=ExceptionInfo(traceback="", **info))
    good = SimpleNamespace(status=ExecutionStatus.COMPLETED, exception_info=None)
    steps = {"split_by_scene": good, "train_detector": step}
    failed = ExecutionStatus.FAILED
    return SimpleNamespace(name="run", steps=steps, status=failed, exception_info=None)


@pytest.mark.parametrize("wrap", [lambda error: error, caused_by], ids=["bare", "wrapped by ZenML"])
@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        pytest.param(google.ResourceExhausted("out of L4"), "no quota left.*out of L4", id="quota"),
        pytest.param(
            RefreshError("invalid_grant: expired"), "gcloud auth application-default", id="expired"
        ),
        pytest.param(google.Unauthenticated("who?"), "gcloud auth application-default", id="401"),
        pytest.param(google.Forbidden("no role"), "--check-stack <STACK>", id="403"),
        pytest.param(google.NotFound("no image"), "--check-stack <STACK>", id="404"),
        pytest.param(google.ServiceUnavailable("busy"), "run it again", id="503"),
        pytest.param(
            google.RetryError("deadline", cause=google.ServiceUnavailable("busy")),
            "busy",
            id="tried",
        ),
    ],
)
def test_a_fault_of_google_is_one_sentence_with_a_remedy(error, sentence, wrap):
    found = explained(wrap(error), "no-such-pipeline")
    assert isinstance(found, CloudError)
    assert len(str(found).splitlines()) == 1
    with pytest.raises(CloudError, match=sentence):
        raise found


def test_an_own_error_stays_what_it_is():
    error = StoreError("the bucket is gone")
    assert explained(error, "no-such-pipeline") is error


def test_the_text_of_a_failed_job_is_not_repeated():
    found = explained(RuntimeError(JOB_TEXT), "no-such-pipeline")
    assert "projects/p/customJobs/7" in str(found)
    assert "TOKEN" not in str(found)
    assert "s3" not in str(found)


@pytest.mark.parametrize("status", [ExecutionStatus.FAILED, ExecutionStatus.RETRYING])
def test_an_own_error_on_another_machine_is_that_error_here(status):
    run = run_with(status, source="utils.errors.StoreError", message="gs://b does not exist.")
    with pytest.raises(StoreError, match=r"^gs://b does not exist\.$"):
        require_success(run)


def test_another_error_on_another_machine_names_the_step():
    run = run_with(ExecutionStatus.FAILED, source="builtins.ValueError", message="a\nb")
    with pytest.raises(RemoteError, match="step 'train_detector' failed with ValueError: a b"):
        require_success(run)


def test_a_run_that_was_stopped_is_no_success():
    run = run_with(ExecutionStatus.COMPLETED)
    run.status = ExecutionStatus.STOPPED
    with pytest.raises(RemoteError, match="has ended as 'stopped'"):
        require_success(run)


@pytest.mark.parametrize("status", [ExecutionStatus.COMPLETED, ExecutionStatus.RUNNING])
def test_a_run_that_goes_well_is_given_back(status):
    run = run_with(ExecutionStatus.COMPLETED)
    run.status = status
    assert require_success(run) is run


@step
def failing() -> None:
    raise StoreError("gs://b does not exist.")


@pipeline(enable_cache=False)
def failing_pipeline() -> None:
    failing()


def failed_run(name: str) -> None:
    """A real run whose step failed with an error of Spyglass's own."""
    with pytest.raises(StoreError):
        failing_pipeline.with_options(run_name=name, execution_mode="fail_fast")()


@pytest.mark.parametrize(
    ("has_run", "told"),
    [
        pytest.param(False, "customJobs/7", id="before its first step"),
        pytest.param(True, "gs://b does not exist.", id="in a step"),
    ],
)
def test_what_a_verbose_traceback_shows_of_a_failed_job_has_no_token(has_run, told):
    name = f"failed-{has_run}"
    if has_run:
        failed_run(name)
    with pytest.raises(SpyglassError) as caught, job_progress(name):
        raise RuntimeError(JOB_TEXT)
    shown = "".join(traceback.format_exception(caught.value))
    assert told in shown
    assert "TOKEN" not in shown


def test_code_is_sent_from_a_git_checkout_only(tmp_path, monkeypatch):
    monkeypatch.setattr(source_utils, "_CUSTOM_SOURCE_ROOT", str(tmp_path))
    with pytest.raises(ConfigurationError, match="git init"):
        require_checkout()
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    require_checkout()
