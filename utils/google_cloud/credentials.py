"""Credentials of this machine for Google Cloud.

Import this module inside functions: it loads Google's client.
"""

from __future__ import annotations

import warnings
from functools import partial
from typing import Any

import google.auth
from google.auth.exceptions import DefaultCredentialsError, GoogleAuthError, TransportError
from google.auth.transport.requests import Request
from google.oauth2 import credentials as users

from utils.errors import CloudError

SCOPES = ("https://www.googleapis.com/auth/cloud-platform",)
_SECONDS = 20
LOGIN = "gcloud auth application-default login"


def log_in(project: str | None, key_file: str | None = None) -> tuple[Any, str | None]:
    """Log in as Google's libraries do.

    Args:
        project: Project that is billed for the requests of a user, who has none of their own.
        key_file: Key file of a service account; by default Application Default Credentials are
            used.

    Returns:
        Refreshed credentials, and the project they come from, if any.

    Raises:
        CloudError: If there are no credentials, Google refuses them, or it cannot be reached.
    """
    try:
        credentials, found = _load(key_file)
    except (DefaultCredentialsError, OSError, ValueError) as error:
        what = f"in {key_file}" if key_file else "on this machine"
        raise CloudError(
            f"There are no credentials for Google Cloud {what} ({type(error).__name__}). "
            f"Log in with: {_remedy(key_file)}"
        ) from None
    if isinstance(credentials, users.Credentials) and project and not credentials.quota_project_id:
        credentials = credentials.with_quota_project(project)
    return refreshed(credentials, _remedy(key_file)), found


def _load(key_file: str | None) -> tuple[Any, str | None]:
    if key_file is None:
        return google.auth.default(scopes=SCOPES)  # type: ignore[no-any-return]
    with warnings.catch_warnings():  # it warns of files from strangers; this is the user's own
        warnings.simplefilter("ignore", DeprecationWarning)
        return google.auth.load_credentials_from_file(  # type: ignore[no-any-return]
            key_file, scopes=SCOPES
        )


def refreshed(credentials: Any, remedy: str = LOGIN) -> Any:
    """Give credentials a new token, and return them.

    Raises:
        CloudError: If Google refuses them or cannot be reached.
    """
    try:
        credentials.refresh(partial(Request(), timeout=_SECONDS))
    except TransportError as error:
        raise CloudError(
            "Google cannot be reached to log in. Check the network and https_proxy, then try: "
            "gcloud auth application-default print-access-token"
        ) from error
    except GoogleAuthError:
        raise CloudError(
            f"The credentials for Google Cloud have expired or were revoked. Log in with: {remedy}"
        ) from None
    return credentials


def service_account_of(credentials: Any) -> str | None:
    """The address of the service account that credentials belong to, or None for a user's."""
    email = getattr(credentials, "service_account_email", None)
    return email if isinstance(email, str) and "@" in email else None


def _remedy(key_file: str | None) -> str:
    if key_file is None:
        return LOGIN
    return f"gcloud iam service-accounts keys create {key_file} --iam-account=<SERVICE_ACCOUNT>"
