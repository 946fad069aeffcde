"""Check of a container registry: it exists, and images can be pushed and pulled.

Import this module inside functions: it loads Google's client.
"""

from __future__ import annotations

import re
from dataclasses import replace

from utils.errors import CloudError
from utils.google_cloud.rest import Project, ask, refusal

_ARTIFACT_REGISTRY = "https://artifactregistry.googleapis.com/v1"
_ADDRESS = re.compile(
    r"(?P<location>[a-z0-9-]+)-docker\.pkg\.dev/(?P<project>[^/]+)/(?P<name>[^/]+)"
)
# Container Registry lives on as repositories of these names in Artifact Registry, see
# https://cloud.google.com/artifact-registry/docs/transition/gcr-repositories.
_GCR = {"gcr.io": "us", "us.gcr.io": "us", "eu.gcr.io": "europe", "asia.gcr.io": "asia"}
_PUSH = "artifactregistry.repositories.uploadArtifacts"
_PULL = "artifactregistry.repositories.downloadArtifacts"


def check_registry(project: Project, uri: str) -> str:
    """Check that a repository exists, holds images, and that this account may push and pull.

    Args:
        project: Project and credentials that ask; the repository's own project is part of its
            address.
        uri: `REGION-docker.pkg.dev/PROJECT/REPOSITORY`, or `gcr.io/PROJECT`.

    Returns:
        The result, as one sentence.

    Raises:
        CloudError: If it is missing, of another kind, or may not be used.
    """
    owner, location, name = _parts(uri)
    there = replace(project, id=owner)
    resource = f"{_ARTIFACT_REGISTRY}/projects/{owner}/locations/{location}/repositories/{name}"
    flags = f"{name} --location={location} --project={owner}"
    answer = ask(there, resource)
    if answer.is_missing:
        raise CloudError(
            f"The repository {name} does not exist in {location}. Make it with: "
            f"gcloud artifacts repositories create {flags} --repository-format=docker"
        )
    if not answer.is_ok:
        raise refusal(
            there, answer, f"look at the repository {name}", "roles/artifactregistry.reader"
        )
    if (kind := answer.content.get("format")) != "DOCKER":
        raise CloudError(
            f"The repository {name} holds {kind} packages, not images. Make another with: "
            f"gcloud artifacts repositories create <NAME> --location={location} --project={owner} "
            "--repository-format=docker"
        )
    granted = ask(there, f"{resource}:testIamPermissions", body={"permissions": [_PUSH, _PULL]})
    held = granted.content.get("permissions", [])
    if granted.is_ok and {_PUSH, _PULL} - set(held):
        raise CloudError(
            f"This account may not push to and pull from {uri}. Grant it with: "
            f"gcloud artifacts repositories add-iam-policy-binding {flags} "
            f"--member={there.member} --role=roles/artifactregistry.writer"
        )
    return f"{uri} takes images"


def _parts(uri: str) -> tuple[str, str, str]:
    """Project, location and name of a repository."""
    host, _, path = uri.partition("/")
    if host in _GCR and path:
        return path.split("/")[0], _GCR[host], host
    found = _ADDRESS.match(uri)
    if found is None:
        raise CloudError(
            f"'{uri}' is no address of Artifact Registry. Write "
            "REGION-docker.pkg.dev/PROJECT/REPOSITORY; those there are shows: "
            "gcloud artifacts repositories list"
        )
    return found["project"], found["location"], found["name"]
