"""Check of a bucket: it exists, and objects can be written, read and deleted.

Import this module inside functions: it loads Google's client.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

from google.api_core.exceptions import Forbidden, GoogleAPIError, NotFound, Unauthorized
from google.auth.exceptions import GoogleAuthError
from google.cloud import storage
from google.cloud.storage.retry import DEFAULT_RETRY

from utils.errors import CloudError
from utils.google_cloud.credentials import LOGIN
from utils.google_cloud.rest import Project

_REQUEST = {"timeout": (10, 30), "retry": DEFAULT_RETRY.with_timeout(10.0)}
_CONTENT = b"Written by Spyglass to see whether it may; it can be deleted."


def check_bucket(project: Project, uri: str, region: str | None = None) -> str:
    """Write an object below `uri`, read it and delete it.

    Args:
        project: The project that the bucket belongs to.
        uri: `gs://bucket/prefix`.
        region: Region for the command that creates a missing bucket.

    Returns:
        The result, as one sentence.

    Raises:
        CloudError: If the bucket is missing, or one of the three requests fails.
    """
    name, _, prefix = uri.removeprefix("gs://").strip("/").partition("/")
    client = storage.Client(project=project.id, credentials=project.credentials)
    key = "/".join(part for part in (prefix, f".spyglass-check-{uuid4().hex}") if part)
    blob = client.bucket(name).blob(key)
    with _explained(project, name, "write to", region):
        blob.upload_from_string(_CONTENT, if_generation_match=0, **_REQUEST)
    try:
        with _explained(project, name, "read from", region):
            content = blob.download_as_bytes(**_REQUEST)
    finally:
        with _explained(project, name, f"delete {key} again from", region):
            blob.delete(if_generation_match=blob.generation, **_REQUEST)
    if content != _CONTENT:
        raise CloudError(
            f"gs://{name} returned something other than what had been written. "
            f"Look for a proxy or a rule that changes objects: gcloud storage buckets describe gs://{name}"
        )
    return f"gs://{name} can be written, read and deleted from"


@contextmanager
def _explained(project: Project, name: str, what: str, region: str | None) -> Iterator[None]:
    try:
        yield
    except NotFound:
        raise CloudError(
            f"The bucket gs://{name} does not exist. Make it with: {_create(project, name, region)}"
        ) from None
    except Forbidden as error:
        raise _forbidden(project, name, what, error) from None
    except (GoogleAuthError, Unauthorized):
        raise CloudError(
            f"The credentials for Google Cloud have expired or were revoked. Log in with: {LOGIN}"
        ) from None
    except (GoogleAPIError, OSError) as error:
        raise CloudError(
            f"gs://{name} cannot be reached ({type(error).__name__}). "
            f"Check the network and https_proxy, then try: gcloud storage ls gs://{name}"
        ) from None


def _create(project: Project, name: str, region: str | None) -> str:
    where = f" --location={region}" if region else ""
    return (
        f"gcloud storage buckets create gs://{name} --project={project.id}{where} "
        "--uniform-bucket-level-access"
    )


def _forbidden(project: Project, name: str, what: str, error: Any) -> CloudError:
    if "billing" in str(error).lower():
        return CloudError(
            f"gs://{name} cannot be used without billing. Link an account with: "
            f"gcloud billing projects link {project.id} --billing-account=<BILLING_ACCOUNT>"
        )
    return CloudError(
        f"This account may not {what} gs://{name}. Grant it with: "
        f"gcloud storage buckets add-iam-policy-binding gs://{name} --member={project.member} "
        "--role=roles/storage.objectUser"
    )
