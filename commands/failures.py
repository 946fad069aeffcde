"""What went wrong in a run whose steps may have failed on other machines."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from google.api_core.exceptions import (
    Forbidden,
    GoogleAPICallError,
    NotFound,
    ResourceExhausted,
    RetryError,
    Unauthenticated,
)
from google.auth.exceptions import GoogleAuthError
from zenml.client import Client
from zenml.models import ExceptionInfo, PipelineRunResponse

from utils import errors
from utils.errors import CloudError, SpyglassError

_OWN_ERRORS = f"{errors.__name__}."


class StepError(SpyglassError):
    """A step failed on another machine, with an error that is none of Spyglass's own."""


def explained(error: Exception, pipeline: str, since: datetime) -> Exception:
    """The fault behind the exception that a run ended with.

    Args:
        error: The exception.
        pipeline: The name of the pipeline.
        since: When the run was begun, or shortly before.

    Returns:
        The exception of the step that failed, also where that was on another machine; for faults of
        Google Cloud a sentence; else `error` itself.
    """
    if isinstance(error, SpyglassError):
        return error
    if isinstance(error, (GoogleAPICallError, GoogleAuthError, RetryError)):
        return _of_google(error)
    run = _newest_run(pipeline, since)
    return (run and failure_of(run)) or error


def failure_of(run: PipelineRunResponse) -> SpyglassError | None:
    """The exception that the first failed step of a run ended with, None where none has told."""
    for name, step in run.steps.items():
        if step.status.is_failed and step.exception_info:
            return _raised(name, step.exception_info)
    return None


def _raised(step: str, info: ExceptionInfo) -> SpyglassError:
    """The exception of a step, as the error that it was where it is one of Spyglass's."""
    message = info.message or "it gave no reason"
    if info.source and info.source.startswith(_OWN_ERRORS):
        kind = getattr(errors, info.source.removeprefix(_OWN_ERRORS), SpyglassError)
        return kind(message)
    kind = (info.source or "").rpartition(".")[2] or "an error"
    text = " ".join(message.split())
    return StepError(f"The step '{step}' failed with {kind}: {text}. The dashboard has its log.")


def _newest_run(pipeline: str, since: datetime) -> PipelineRunResponse | None:
    runs = Client().list_pipeline_runs(
        pipeline=pipeline, sort_by="desc:created", size=1, hydrate=True
    )
    return next((run for run in runs.items if run.created >= since), None)


def _of_google(error: Any) -> CloudError:
    cause = error.cause if isinstance(error, RetryError) and error.cause else error
    reason = " ".join(str(getattr(cause, "message", cause)).split()).rstrip(".")
    return CloudError(_sentence(cause, reason))


def _sentence(error: Any, reason: str) -> str:
    match error:
        case ResourceExhausted():
            return (
                f"Google Cloud has no quota left for this job: {reason}. Choose another "
                "accelerator or region, wait, or ask for more quota (docs/gcp.md says how)."
            )
        case GoogleAuthError() | Unauthenticated():
            return (
                f"Your Google credentials are missing or no longer valid: {reason}. "
                "Log in with: gcloud auth application-default login"
            )
        case Forbidden():
            return (
                f"Google Cloud does not allow this: {reason}. "
                "See what is missing with: python run.py --check-stack vertex"
            )
        case NotFound():
            return (
                f"Google Cloud does not have what this run needs: {reason}. "
                "See what is missing with: python run.py --check-stack vertex"
            )
    return f"Google Cloud refused or did not answer: {reason}. What is done is kept: run it again."
