"""A service in the cloud: what is wanted, what runs, and the faults of deploying it.

Import this module inside functions: it loads Google's client.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from google.api_core.exceptions import (
    Forbidden,
    GoogleAPICallError,
    ResourceExhausted,
    RetryError,
    Unauthorized,
)
from google.auth.exceptions import GoogleAuthError

from utils.errors import CloudError
from utils.google_cloud.credentials import LOGIN
from utils.google_cloud.rest import Project, enable

# By this label the resources of Spyglass are found again, and no others are touched.
OWN_LABEL = "spyglass-service"
CONTAINER_PORT = 8080
HEALTH_ROUTE = "/readyz"
PREDICT_ROUTE = "/predict"
ALL_PERCENT = 100
DEPLOY_SECONDS = 3600.0
_DIGEST_CHARACTERS = 40  # a label has at most 63
_NOT_IN_NAMES = re.compile(r"[^a-z0-9]+")


@dataclass(frozen=True, slots=True)
class Wanted:
    """A version of a model as a service in the cloud.

    Attributes:
        model: Name of the model; one endpoint or service answers for all its versions.
        version: Version of the model.
        digest: SHA-256 of the bundle, in hex.
        image: Address of the bundle's image.
        share: Percent of the requests that this version answers.
        accelerator: GPU, as Vertex AI names it, or None.
        least_replicas: Minimum number of instances.
        most_replicas: Maximum number of instances.
        environment: Variables of the container.
        service_account: Account that the container runs as; None for the project's default.
    """

    model: str
    version: str
    digest: str
    image: str
    share: int = ALL_PERCENT
    accelerator: str | None = None
    least_replicas: int = 1
    most_replicas: int = 1
    environment: Mapping[str, str] | None = None
    service_account: str | None = None

    @property
    def labels(self) -> dict[str, str]:
        """Labels by which the version is found again."""
        return {
            OWN_LABEL: resource_name(self.model),
            "version": resource_name(self.version),
            "bundle": self.digest[:_DIGEST_CHARACTERS],
        }


@dataclass(frozen=True, slots=True)
class Running:
    """A version that runs in the cloud.

    Attributes:
        version: Version of the model.
        share: Percent of the requests that it answers.
        since: Time at which it was deployed, ISO 8601.
    """

    version: str
    share: int
    since: str


@dataclass(frozen=True, slots=True)
class CloudService:
    """A service in the cloud and the versions that answer.

    Attributes:
        name: Full resource name.
        address: Address that answers `POST` with an image.
        running: Versions that are deployed.
        changed: Whether the call that returned it has changed anything.
    """

    name: str
    address: str
    running: tuple[Running, ...]
    changed: bool = False


def resource_name(text: str) -> str:
    """Return a text as the clouds allow names and labels: lower case letters, digits, dashes."""
    return _NOT_IN_NAMES.sub("-", text.lower()).strip("-")[:40] or "model"


def shares(new: str, share: int, before: Mapping[str, int]) -> dict[str, int]:
    """Split the requests between a new version and those before it.

    Args:
        new: Key of the new version.
        share: Percent of the new version.
        before: Percent of each version so far; the new one may be among them.

    Returns:
        Percent by key, 100 in all, without versions that get nothing. Versions before the new one
        keep their proportions, with rounding errors given to the largest.
    """
    others = {key: percent for key, percent in before.items() if key != new and percent > 0}
    left, total = ALL_PERCENT - share, sum(others.values())
    if not others or not left:
        return {new: ALL_PERCENT}
    split = {key: percent * left // total for key, percent in others.items()}
    split[max(others, key=lambda key: (others[key], key))] += left - sum(split.values())
    return {new: share, **{key: percent for key, percent in split.items() if percent}}


@contextmanager
def explained(project: Project, api: str, what: str, role: str) -> Iterator[None]:
    """Say in one sentence why Google did not do something, and how to mend it.

    Args:
        project: Project and credentials of the requests.
        api: API that is asked, such as `aiplatform.googleapis.com`.
        what: Purpose, to complete "may not {what}".
        role: The smallest predefined role that allows it.

    Raises:
        CloudError: In place of any error of Google's client.
    """
    try:
        yield
    except (GoogleAuthError, Unauthorized):
        raise CloudError(
            f"The credentials for Google Cloud have expired or were revoked. Log in with: {LOGIN}"
        ) from None
    except Forbidden as error:
        raise _forbidden(project, api, what, role, error) from None
    except ResourceExhausted as error:
        raise CloudError(
            f"Google has no machine for this, or the quota is used up: {_said(error)} Choose "
            "another machine, accelerator or region, or look at the quota: gcloud beta quotas info "
            f"list --service={api} --project={project.id}"
        ) from None
    except (GoogleAPICallError, RetryError) as error:
        raise CloudError(
            f"Google could not {what}: {_said(error)} Its log says more: gcloud logging read "
            f"'severity>=WARNING' --project={project.id} --freshness=1h --limit=20"
        ) from None


def _forbidden(project: Project, api: str, what: str, role: str, error: Forbidden) -> CloudError:
    if "SERVICE_DISABLED" in str(error) or "has not been used in project" in str(error):
        return CloudError(
            f"The API {api} is off in the project {project.id}. "
            f"Turn it on with: {enable(project, [api])}"
        )
    return CloudError(
        f"This account may not {what}. Grant it with: gcloud projects add-iam-policy-binding "
        f"{project.id} --member={project.member} --role={role}"
    )


def _said(error: Exception) -> str:
    """Google's words as one line that ends like a sentence."""
    message = " ".join(str(getattr(error, "message", None) or error).split())
    return message if message.endswith(".") else f"{message}."
