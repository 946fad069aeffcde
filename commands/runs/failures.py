"""The fault behind a failed run, whose steps may have failed on other machines."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from zenml.enums import ExecutionStatus
from zenml.models import ExceptionInfo, PipelineRunResponse

from records.runs import run_as_it_is_now, run_named
from utils import errors
from utils.errors import CloudError, SpyglassError

# ZenML's message about a job that did not succeed.
_JOB = re.compile(r"Job `([^`]+)` failed")
_LOGS = "Its log is in the Google Cloud console, under Vertex AI, Training, Custom jobs."
# A step that may be tried again keeps this status when nobody does.
_NOT_SUCCESSFUL = {ExecutionStatus.FAILED, ExecutionStatus.RETRYING}
_GOOGLE = ("google.api_core.", "google.auth.")
_OWN_ERRORS = f"{errors.__name__}."


class RemoteError(SpyglassError):
    """A run failed on other machines with an error of another library."""


def explained(error: Exception, run: str) -> Exception:
    """Find the fault behind the exception that a run ended with.

    Args:
        error: Exception that came out of ZenML.
        run: Name of the run.

    Returns:
        The exception of the step that failed, also where that was on another machine; for faults of
        Google Cloud a sentence; else `error` itself.
    """
    if isinstance(error, SpyglassError):
        return error
    for cause in _causes(error):
        if type(cause).__module__.startswith(_GOOGLE):
            return _of_google(cause)
    found = run_named(run)
    failure = found and _failure_of(run_as_it_is_now(found))
    if failure is None and (job := _JOB.match(str(error))):
        # ZenML's text goes on with the whole job, the token for its server included.
        return RemoteError(f"The Vertex AI job {job[1]} failed before its first step. {_LOGS}")
    return failure or error


def require_success(run: PipelineRunResponse) -> PipelineRunResponse:
    """Return the run if it succeeded or is still running.

    Raises:
        SpyglassError: The exception of its first failed step, or how the run ended.
    """
    if failure := _failure_of(run):
        raise failure
    if run.status.is_finished and not run.status.is_successful:
        raise RemoteError(f"The run '{run.name}' has ended as '{run.status.value}'.")
    return run


def _failure_of(run: PipelineRunResponse) -> SpyglassError | None:
    for name, step in run.steps.items():
        if step.status in _NOT_SUCCESSFUL and step.exception_info:
            return _raised(f"step '{name}'", step.exception_info)
    if run.status.is_failed and run.exception_info:
        return _raised("pipeline", run.exception_info)
    return None


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _raised(what: str, info: ExceptionInfo) -> SpyglassError:
    """Make the exception of a step or pipeline anew, of the same class if it is Spyglass's."""
    message = info.message or "it gave no reason"
    if info.source and info.source.startswith(_OWN_ERRORS):
        kind = getattr(errors, info.source.removeprefix(_OWN_ERRORS), SpyglassError)
        return kind(message)
    kind = (info.source or "").rpartition(".")[2] or "an error"
    text = " ".join(message.split())
    return RemoteError(f"The {what} failed with {kind}: {text}. The dashboard has its log.")


def _of_google(error: Any) -> CloudError:
    from google.api_core.exceptions import RetryError

    cause = error.cause if isinstance(error, RetryError) and error.cause else error
    reason = " ".join(str(getattr(cause, "message", cause)).split()).rstrip(".")
    return CloudError(_sentence(cause, reason))


def _sentence(error: Any, reason: str) -> str:
    from google.api_core.exceptions import Forbidden, NotFound, ResourceExhausted, Unauthenticated
    from google.auth.exceptions import GoogleAuthError

    from utils.google_cloud.credentials import LOGIN

    match error:
        case ResourceExhausted():
            return (
                f"Google Cloud has no quota left for this job: {reason}. Choose another "
                "accelerator or region, wait, or ask for more quota (docs/gcp.md says how)."
            )
        case GoogleAuthError() | Unauthenticated():
            return (
                f"Your Google credentials are missing or no longer valid: {reason}. "
                f"Log in with: {LOGIN}"
            )
        case Forbidden():
            return (
                f"Google Cloud does not allow this: {reason}. "
                "See what is missing with: python run.py --check-stack <STACK>"
            )
        case NotFound():
            return (
                f"Google Cloud does not have what this run needs: {reason}. "
                "See what is missing with: python run.py --check-stack <STACK>"
            )
    return f"Google Cloud refused or did not answer: {reason}. What is done is kept: run it again."
