"""A folder in the artifact store is the folder that was put there, in a bucket as on a disk."""

from __future__ import annotations

import os
from uuid import uuid4

import pytest
from zenml.client import Client
from zenml.constants import ENV_ZENML_ACTIVE_STACK_ID
from zenml.enums import StackComponentType
from zenml.io import fileio

from materializers.folders import download_folder, upload_folder
from tests.emulators.certificates import make_certificate
from tests.emulators.credentials import TokenServer
from utils.storage.store import open_store

FILES = {
    "best.pt": os.urandom(12 << 20),  # several pieces of an upload
    "detector.json": b"{}",
    "plots/confusion matrix.png": b"png",
    "plots/more/curve #1 %20 \u00fc.png": b"curve",
    "empty": b"",
}


@pytest.fixture
def bucket(gcs_bucket, tmp_path, monkeypatch):
    """An artifact's address in a bucket that ZenML's GCP artifact store can reach."""
    tokens = TokenServer(make_certificate(tmp_path))
    account = tokens.write_service_account(tmp_path)
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(account))
    name = f"gcs-{uuid4().hex[:8]}"
    store = Client().create_stack_component(
        name, "gcp", StackComponentType.ARTIFACT_STORE, {"path": f"{gcs_bucket}/zenml"}
    )
    components = {
        StackComponentType.ORCHESTRATOR: "default",
        StackComponentType.ARTIFACT_STORE: store.id,
    }
    stack = Client().create_stack(name, components)
    monkeypatch.setenv(ENV_ZENML_ACTIVE_STACK_ID, str(stack.id))
    yield f"{Client().active_stack.artifact_store.path}/artifact/1"
    tokens.stop()


@pytest.fixture(params=["disk", "bucket"])
def uri(request, tmp_path):
    if request.param == "bucket":
        return request.getfixturevalue("bucket")
    fileio.makedirs(str(tmp_path / "artifact"))
    return str(tmp_path / "artifact")


@pytest.fixture
def folder(tmp_path):
    for name, content in FILES.items():
        path = tmp_path / "folder" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return tmp_path / "folder"


def contents(folder):
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def test_what_is_uploaded_is_downloaded(uri, folder, tmp_path):
    upload_folder(folder, uri)
    assert contents(download_folder(uri, tmp_path / "copy")) == FILES


def test_a_folder_of_the_same_beginning_is_not_part_of_it(uri, folder, tmp_path):
    upload_folder(folder, uri)
    (folder / "best.pt").write_bytes(b"of another")
    upload_folder(folder, f"{uri}0")
    assert contents(download_folder(uri, tmp_path / "copy")) == FILES


def test_objects_that_stand_for_folders_are_not_files(bucket, folder, tmp_path):
    """As the Cloud console makes them."""
    store = open_store(bucket)
    for name in ("plots/", "plots/more/"):
        store.write(name, b"")
    upload_folder(folder, bucket)
    assert contents(download_folder(bucket, tmp_path / "copy")) == FILES


def test_a_broken_connection_and_a_busy_server_do_no_harm(bucket, folder, tmp_path, google_storage):
    google_storage.faults.cut_next("upload")
    google_storage.faults.fail_next(503, matching="POST")
    upload_folder(folder, bucket)
    google_storage.faults.cut_next("download")
    google_storage.faults.fail_next(503, matching="GET")
    assert contents(download_folder(bucket, tmp_path / "copy")) == FILES
