"""Requests to Google's REST APIs, and their refusals as one sentence with a remedy.

Import this module inside functions: it loads Google's client.
"""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from google.auth.exceptions import GoogleAuthError
from google.auth.transport.requests import AuthorizedSession
from requests import RequestException

from utils.errors import CloudError
from utils.google_cloud.credentials import LOGIN

_CONNECT_AND_READ_SECONDS = (10, 30)
# A server that repeats a page token must not keep the check busy for ever.
_MOST_PAGES = 50


@dataclass(frozen=True, slots=True)
class Project:
    """A project, and the credentials for requests about it.

    Attributes:
        id: Id of the project.
        credentials: From `utils.google_cloud.credentials`.
        service_account: Address of the service account that the credentials belong to; None for a
            user, whose own address only gcloud knows.
    """

    id: str
    credentials: Any
    service_account: str | None = None

    @property
    def account(self) -> str:
        """The owner of the credentials, for messages."""
        return self.service_account or "a user"

    @property
    def member(self) -> str:
        """The owner of the credentials as a member of IAM, for a command in a shell."""
        if self.service_account:
            return f"serviceAccount:{self.service_account}"
        return '"user:$(gcloud config get-value account)"'


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer of an API.

    Attributes:
        host: Host of the API.
        status: HTTP status.
        content: The answer's JSON; empty without any.
    """

    host: str
    status: int
    content: dict[str, Any]

    @property
    def is_ok(self) -> bool:
        """Whether the request was granted."""
        return self.status == HTTPStatus.OK

    @property
    def is_missing(self) -> bool:
        """Whether the thing asked for does not exist."""
        return self.status == HTTPStatus.NOT_FOUND

    @property
    def message(self) -> str:
        """Google's message in a refusal."""
        error = self.content.get("error")
        return str(error.get("message", "")) if isinstance(error, dict) else ""

    @property
    def disabled_api(self) -> str | None:
        """The API that has to be turned on first, or None where that is not the fault."""
        error = self.content.get("error")
        for detail in error.get("details", []) if isinstance(error, dict) else []:
            if detail.get("reason") == "SERVICE_DISABLED":
                return str(detail.get("metadata", {}).get("service", self.host))
        return None


def ask(
    project: Project,
    url: str,
    *,
    parameters: dict[str, Any] | None = None,
    body: dict[str, Any] | None = None,
) -> Answer:
    """Send one request, a POST if it has a body; a refusal is returned as an answer.

    Raises:
        CloudError: If there is no answer, or the credentials are refused.
    """
    host = urlsplit(url).hostname or url
    try:
        with AuthorizedSession(project.credentials) as session:
            response = session.request(
                "GET" if body is None else "POST",
                url,
                params=parameters,
                json=body,
                timeout=_CONNECT_AND_READ_SECONDS,
            )
    except GoogleAuthError:
        raise CloudError(
            f"The credentials for Google Cloud have expired or were revoked. Log in with: {LOGIN}"
        ) from None
    except RequestException as error:
        raise CloudError(
            f"{host} cannot be reached ({type(error).__name__}). "
            f"Check the network and https_proxy, then try: curl -I https://{host}"
        ) from None
    try:
        content = response.json()
    except ValueError:
        content = {}
    return Answer(host, response.status_code, content if isinstance(content, dict) else {})


def ask_for_all(
    project: Project, url: str, parameters: dict[str, Any] | None = None
) -> list[Answer]:
    """Send a GET request for every page of a list; ends early with the first refusal."""
    answers: list[Answer] = []
    token = ""
    for _ in range(_MOST_PAGES):
        page = {"pageToken": token} if token else {}
        answers.append(ask(project, url, parameters={**(parameters or {}), **page}))
        token = str(answers[-1].content.get("nextPageToken", ""))
        if not token:
            break
    return answers


def refusal(project: Project, answer: Answer, what: str, role: str) -> CloudError:
    """The error for an answer that is not OK.

    Args:
        project: The project of the request.
        answer: The refusal.
        what: The purpose of the request, to complete "may not {what}".
        role: The smallest predefined role that allows it, such as `roles/browser`.
    """
    if api := answer.disabled_api:
        return CloudError(
            f"The API {api} is off in the project {project.id}. "
            f"Turn it on with: {enable(project, [api])}"
        )
    if answer.status == HTTPStatus.UNAUTHORIZED:
        return CloudError(f"Google refuses the credentials. Log in with: {LOGIN}")
    if answer.status == HTTPStatus.FORBIDDEN:
        return CloudError(
            f"This account may not {what}. Grant it with: gcloud projects add-iam-policy-binding "
            f"{project.id} --member={project.member} --role={role}"
        )
    said = f": {answer.message}" if answer.message else ""
    return CloudError(
        f"{answer.host} answered with status {answer.status}{said}. Check the name of the project "
        f"with: gcloud projects describe {project.id}"
    )


def enable(project: Project, apis: list[str]) -> str:
    """The command that turns APIs on."""
    return f"gcloud services enable {' '.join(apis)} --project={project.id}"
