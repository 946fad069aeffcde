"""A registry, an account or a bucket that cannot be used is told with the command that mends it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import pytest

from tests.emulators.credentials import ACCOUNT, PROJECT
from tests.emulators.gcs import GoogleStorage
from tests.integration.google_cloud.told import MEMBER, REGION, REGISTRY, USER, told
from utils.errors import CloudError
from utils.google_cloud.bucket import check_bucket
from utils.google_cloud.project_checks import check_account
from utils.google_cloud.registry import check_registry


@pytest.fixture
def storage(monkeypatch) -> Iterator[GoogleStorage]:
    server = GoogleStorage()
    server.buckets.create("tiles")
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", server.url)
    yield server
    server.stop()


@pytest.mark.parametrize(
    ("uri", "repositories", "permissions", "message"),
    [
        pytest.param(
            REGISTRY, {}, None,
            f"The repository spyglass does not exist in {REGION}. Make it with: gcloud artifacts "
            f"repositories create spyglass --location={REGION} --project={PROJECT} "
            "--repository-format=docker",
            id="missing",
        ),
        pytest.param(
            REGISTRY, {f"{REGION}/spyglass": "PYTHON"}, None,
            "The repository spyglass holds PYTHON packages, not images. Make another with: gcloud "
            f"artifacts repositories create <NAME> --location={REGION} --project={PROJECT} "
            "--repository-format=docker",
            id="of another kind",
        ),
        pytest.param(
            REGISTRY, None, {"artifactregistry.repositories.downloadArtifacts"},
            f"This account may not push to and pull from {REGISTRY}. Grant it with: gcloud "
            f"artifacts repositories add-iam-policy-binding spyglass --location={REGION} "
            f"--project={PROJECT} --member={USER} --role=roles/artifactregistry.writer",
            id="not to be pushed to",
        ),
        pytest.param(
            "docker.io/me/spyglass", None, None,
            "'docker.io/me/spyglass' is no address of Artifact Registry. Write "
            "REGION-docker.pkg.dev/PROJECT/REPOSITORY; those there are shows: "
            "gcloud artifacts repositories list",
            id="elsewhere",
        ),
    ],
)  # fmt: skip
def test_a_registry_that_cannot_be_used_is_told(
    uri, repositories, permissions, message, apis, project
):
    if repositories is not None:
        apis.project.repositories = repositories
    if permissions is not None:
        apis.project.permissions = permissions

    assert told(partial(check_registry, project, uri)) == message


def test_a_missing_service_account_is_told_with_the_command_that_makes_it(apis, project):
    apis.project.accounts = []

    assert told(partial(check_account, project, ACCOUNT)) == (
        f"There is no service account {ACCOUNT}. "
        f"Make it with: gcloud iam service-accounts create trainer --project={PROJECT}"
    )


def test_a_service_account_that_may_not_be_used_is_told(apis, project):
    apis.project.permissions = set()

    assert told(partial(check_account, project, ACCOUNT)) == (
        f"This account may not start jobs that run as {ACCOUNT}. Grant it with: gcloud iam "
        f"service-accounts add-iam-policy-binding {ACCOUNT} --project={PROJECT} --member={USER} "
        "--role=roles/iam.serviceAccountUser"
    )


def test_a_bucket_is_left_as_it_was(project, storage):
    assert check_bucket(project, "gs://tiles/zenml") == (
        "gs://tiles can be written, read and deleted from"
    )
    assert any("POST" in request for request in storage.requests)
    assert storage.buckets.all("tiles")[0] == []


def test_a_missing_bucket_is_told_with_the_command_that_makes_it(project, storage):
    assert told(partial(check_bucket, project, "gs://tile/zenml", REGION)) == (
        "The bucket gs://tile does not exist. Make it with: gcloud storage buckets create "
        f"gs://tile --project={PROJECT} --location={REGION} --uniform-bucket-level-access"
    )


@pytest.mark.parametrize(
    ("request_that_fails", "what", "left"),
    [
        pytest.param("POST /upload", "write to", 0, id="write"),
        pytest.param("GET /download", "read from", 0, id="read"),
        pytest.param("DELETE", r"delete zenml/.spyglass-check-\w+ again from", 1, id="delete"),
    ],
)
def test_a_bucket_that_may_not_be_used_is_told(request_that_fails, what, left, robot, storage):
    storage.faults.fail_next(403, matching=request_that_fails)

    with pytest.raises(CloudError, match=f"may not {what} gs://tiles") as refused:
        check_bucket(robot, "gs://tiles/zenml")

    assert str(refused.value).endswith(
        "Grant it with: gcloud storage buckets add-iam-policy-binding gs://tiles "
        f"--member={MEMBER} --role=roles/storage.objectUser"
    )
    assert len(storage.buckets.all("tiles")[0]) == left


def test_a_bucket_that_refuses_the_credentials_is_told(project, storage):
    with storage.faults.refusing(401):
        assert told(partial(check_bucket, project, "gs://tiles")).endswith(
            "Log in with: gcloud auth application-default login"
        )
