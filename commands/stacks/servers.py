"""The checks of a stack's servers: MLflow, Label Studio, Docker."""

from __future__ import annotations

import subprocess
from typing import Any

from zenml.models import ComponentResponse

from commands.stacks.remote import configuration_of, only_here
from records.annotator import credentials_of
from utils.annotation.label_studio.connection import connect
from utils.errors import ConfigurationError, LabelStudioError, ServerError

_SECONDS = 20


def check_tracker(tracker: ComponentResponse, *, register: str, is_remote: bool) -> str:
    """Search an experiment on an MLflow server with the tracker's credentials.

    Args:
        tracker: Component of flavor `mlflow`.
        register: Command to run after a correction.
        is_remote: Whether jobs have to reach it from elsewhere.

    Returns:
        One sentence about the server.

    Raises:
        ConfigurationError: If the tracker is on this machine, but the jobs are not.
        ServerError: If the server does not answer or refuses.
    """
    settings: Any = configuration_of(tracker)
    uri = str(settings.tracking_uri or "")
    is_server = uri.startswith(("http://", "https://"))
    if is_remote and (not is_server or only_here(uri)):
        raise ConfigurationError(
            f"Jobs in the cloud cannot reach {uri or 'a folder of this machine'}. Give "
            f"tracking_uri the address of an MLflow server, then: {register}"
        )
    if not is_server:
        return f"{uri or 'beside the artifacts'} on this machine"
    _search(uri, settings, register)
    return f"{uri} answers and takes the credentials"


def check_annotator(annotator: ComponentResponse, *, register: str, is_remote: bool) -> str:
    """Ask Label Studio whose token the annotator has.

    Args:
        annotator: Component of flavor `label_studio`.
        register: Command to run after a correction.
        is_remote: Whether jobs have to reach it from elsewhere.

    Returns:
        One sentence about the server.

    Raises:
        ConfigurationError: If there is no token, or the server is on this machine, but the jobs
            are not.
        LabelStudioError: If the server does not answer or refuses the token.
    """
    url, token = credentials_of(annotator)
    if is_remote and only_here(url):
        raise ConfigurationError(
            f"Jobs in the cloud cannot reach {url}. Give instance_url an address that they can "
            f"reach, then: {register}"
        )
    try:
        connect(url, token, timeout_s=_SECONDS)
    except LabelStudioError as error:
        fault = str(error).split(". ")[0]
        raise LabelStudioError(
            f"{fault}. Correct instance_url and the token, then: {register}"
        ) from None
    return f"{url} answers and takes the token"


def check_docker() -> str:
    """Ask the Docker of this machine whether it runs.

    Returns:
        One sentence about it.

    Raises:
        ServerError: If it does not.
    """
    try:
        subprocess.run(["docker", "info"], capture_output=True, check=True, timeout=_SECONDS)
    except (OSError, subprocess.SubprocessError):
        raise ServerError(
            "No Docker runs on this machine to build the jobs' image. Start it, or build in the "
            "cloud as configs/stacks/vertex.yaml shows: "
            "gcloud services enable cloudbuild.googleapis.com"
        ) from None
    return "Docker runs on this machine"


def _search(uri: str, settings: Any, register: str) -> None:
    import httpx

    headers = {}
    if settings.tracking_token:
        headers["Authorization"] = f"Bearer {settings.tracking_token}"
    # Without a user of its own the client takes the one in the address.
    user = settings.tracking_username
    login = (user, settings.tracking_password or "") if user and not headers else None
    try:
        answer = httpx.post(
            f"{uri.rstrip('/')}/api/2.0/mlflow/experiments/search",
            json={"max_results": 1},
            headers=headers,
            auth=login,
            timeout=_SECONDS,
            verify=not settings.tracking_insecure_tls,
        )
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise ServerError(
            f"Nothing answers at {uri} ({type(error).__name__}). Start MLflow there, or correct "
            f"tracking_uri, then: {register}"
        ) from None
    if answer.status_code in (401, 403):
        raise ServerError(
            f"MLflow at {uri} refuses the credentials. Set MLFLOW_TRACKING_USERNAME and "
            f"MLFLOW_TRACKING_PASSWORD, or what the stack's file names, then: {register}"
        )
    if not answer.is_success:
        raise ServerError(
            f"{uri} answered with status {answer.status_code} as MLflow should not. Check "
            f"tracking_uri and the server's log, then: {register}"
        )
