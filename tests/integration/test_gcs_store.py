"""Faults of a bucket, and the messages to the user."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from google.cloud.storage.retry import DEFAULT_RETRY

from tests.emulators.certificates import make_certificate
from tests.emulators.credentials import TokenServer
from tests.emulators.gcs import GoogleStorage
from tests.emulators.gcs_messages import Answer, Request, refusal
from tests.emulators.gcs_objects import StorageError
from utils.errors import StoreError
from utils.files import sha256_of
from utils.ports import free_port
from utils.storage import gcs
from utils.storage.store import open_store

OURS = b"content"
Ask = Callable[[Request], Answer]


class MeddledStorage(GoogleStorage):
    """The emulator, with something happening around its answers."""

    meddle: Callable[[Request, Ask], Answer] | None = None

    def answer(self, request: Request) -> Answer:
        return self.meddle(request, super().answer) if self.meddle else super().answer(request)


@pytest.fixture
def meddled_storage(monkeypatch: pytest.MonkeyPatch) -> Iterator[MeddledStorage]:
    server = MeddledStorage()
    server.buckets.create("b")
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", server.url)
    yield server
    server.stop()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give up after half a second instead of ten or sixty."""
    quick = {"timeout": (1, 1), "retry": DEFAULT_RETRY.with_timeout(0.5)}
    monkeypatch.setattr(gcs, "_QUICK_REQUEST", quick)
    monkeypatch.setattr(gcs, "_REQUEST", quick)


@pytest.fixture
def large_file(tmp_path: Path) -> Path:
    """More than Google's client sends in one request."""
    path = tmp_path / "weights.pt"
    path.write_bytes(random.Random(0).randbytes(9 << 20))  # noqa: S311
    return path


def requests(storage: GoogleStorage, *marks: str) -> list[str]:
    return [request for request in storage.requests if all(mark in request for mark in marks)]


def test_a_missing_bucket_is_named_with_the_command_that_makes_it(gcs_bucket):
    missing = open_store(f"{gcs_bucket}-gone/prefix")
    with pytest.raises(StoreError, match=rf"gcloud storage buckets create {gcs_bucket}-gone$"):
        missing.check()
    with pytest.raises(StoreError, match="does not exist"):
        missing.write("a.png", OURS)


@pytest.mark.parametrize(
    ("status", "remedy"),
    [
        pytest.param(401, "gcloud auth application-default login", id="token not accepted"),
        pytest.param(403, "Grant it the role Storage Object User", id="role missing"),
    ],
)
def test_a_refusal_in_the_middle_of_a_run_comes_with_its_remedy(
    gcs_bucket, google_storage, tmp_path, status, remedy
):
    store = open_store(gcs_bucket)
    store.write("a.png", OURS)
    uses = (
        store.check,
        lambda: store.write("b.png", OURS),
        lambda: store.get("a.png", tmp_path / "a.png"),
        lambda: store.delete("a.png"),
        lambda: list(store.list()),
    )
    with google_storage.faults.refusing(status):
        for use in uses:
            with pytest.raises(StoreError, match=remedy):
                use()


def test_an_unreachable_bucket_is_one_sentence(monkeypatch, impatient):
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", f"http://127.0.0.1:{free_port()}")
    with pytest.raises(StoreError, match="gs://b cannot be reached") as caught:
        open_store("gs://b").check()
    assert "\n" not in str(caught.value)


def test_missing_credentials_are_one_sentence(monkeypatch, tmp_path):
    monkeypatch.delenv("STORAGE_EMULATOR_HOST", raising=False)
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "nothing.json"))
    with pytest.raises(StoreError, match="gcloud auth application-default login"):
        open_store("gs://b")


def test_credentials_that_have_expired_are_one_sentence(monkeypatch, tmp_path):
    tokens = TokenServer(make_certificate(tmp_path))
    monkeypatch.delenv("STORAGE_EMULATOR_HOST", raising=False)
    key = str(tokens.write_service_account(tmp_path))
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", key)
    tokens.expire()
    try:
        with pytest.raises(StoreError, match=r"RefreshError.*application-default login$"):
            open_store("gs://b").write("a.png", OURS)
    finally:
        tokens.stop()


def test_an_object_is_written_over_the_generation_that_was_seen(gcs_bucket, google_storage):
    store = open_store(gcs_bucket)
    for content in (b"old", OURS):
        store.write("a.png", content)
    (item,) = store.list()
    first, second = requests(google_storage, "POST /upload")
    assert "ifGenerationMatch=0" in first
    assert int(second.rpartition("ifGenerationMatch=")[2].split("&")[0]) < int(item.version)


def test_our_own_upload_whose_answer_is_lost_is_accepted(meddled_storage):
    lost = []

    def lose_answer(request: Request, ask: Ask) -> Answer:
        answer = ask(request)
        if request.method == "POST" and not lost:
            lost.append(answer)
            return refusal(StorageError(503, "backendError", "later"))
        return answer

    meddled_storage.meddle = lose_answer
    assert open_store("gs://b").write("a.png", OURS) == "gs://b/a.png"
    assert len(requests(meddled_storage, "POST /upload")) == 2
    lost.clear()
    version = open_store("gs://b").replace("state.json", OURS, None)
    assert version == str(meddled_storage.buckets.get("b", "state.json", {}).generation)
    assert len(requests(meddled_storage, "POST /upload")) == 4


def test_an_upload_of_another_writer_at_the_same_time_is_not_replaced(meddled_storage):
    def be_quicker(request: Request, ask: Ask) -> Answer:
        if request.method == "POST":
            meddled_storage.buckets.put("b", "a.png", b"another", {}, {})
        return ask(request)

    meddled_storage.meddle = be_quicker
    with pytest.raises(StoreError, match="changed by another writer"):
        open_store("gs://b").write("a.png", OURS)
    assert meddled_storage.buckets.get("b", "a.png", {}).content == b"another"


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_request_that_meets_a_busy_server_is_repeated(
    gcs_bucket, google_storage, tmp_path, status
):
    store = open_store(gcs_bucket)
    google_storage.faults.fail_next(status, matching="POST")
    google_storage.faults.fail_next(status, matching="GET")
    store.write("a.png", OURS)
    assert store.get("a.png", tmp_path / "copy").read_bytes() == OURS


def test_a_server_that_stays_busy_is_one_sentence(gcs_bucket, google_storage, impatient):
    google_storage.faults.fail_next(503, times=100)
    with pytest.raises(StoreError, match=r"cannot be reached \(ServiceUnavailable\)"):
        open_store(gcs_bucket).write("a.png", OURS)


def test_a_large_upload_goes_on_where_its_connection_broke(
    gcs_bucket, google_storage, large_file, monkeypatch
):
    monkeypatch.setattr(gcs, "_UPLOAD_PART_BYTES", 1 << 20)
    google_storage.faults.cut_next("upload", times=3)
    store = open_store(gcs_bucket)
    store.put(large_file, "weights.pt")
    (item,) = store.list()
    assert item.sha256() == sha256_of(large_file)
    assert len(requests(google_storage, "uploadType=resumable", "POST")) == 1
    assert len(requests(google_storage, "PUT")) == 9 + 3


@pytest.mark.parametrize("in_parts", [False, True], ids=["in one piece", "in parts"])
def test_a_large_download_goes_on_where_its_connection_broke(
    gcs_bucket, google_storage, large_file, tmp_path, monkeypatch, in_parts
):
    monkeypatch.setattr(gcs, "_DOWNLOAD_PART_BYTES", 1 << 20)
    store = open_store(gcs_bucket)
    store.put(large_file, "weights.pt")
    (item,) = store.list()
    google_storage.faults.cut_next("download", times=2)
    copy = store.get(item if in_parts else item.key, tmp_path / "copy")
    assert sha256_of(copy) == sha256_of(large_file)
    assert len(requests(google_storage, "alt=media")) == (9 + 2 if in_parts else 1 + 2)


@pytest.mark.parametrize("in_parts", [False, True], ids=["in one piece", "in parts"])
def test_a_download_that_is_damaged_on_its_way_is_not_kept(
    meddled_storage, tmp_path, monkeypatch, in_parts
):
    monkeypatch.setattr(gcs, "_DOWNLOAD_PART_BYTES", 2)
    store = open_store("gs://b")
    store.write("a.png", OURS)
    (item,) = store.list()

    def damage(request: Request, ask: Ask) -> Answer:
        answer = ask(request)
        is_media = request.query.get("alt") == "media"
        return replace(answer, body=b"x" * len(answer.body)) if is_media else answer

    meddled_storage.meddle = damage
    with pytest.raises(StoreError, match=r"gs://b/a\.png was damaged on its way"):
        store.get(item if in_parts else item.key, tmp_path / "copy")
    assert list(tmp_path.iterdir()) == []


def test_a_listing_is_read_page_by_page(meddled_storage):
    for number in range(1001):
        meddled_storage.buckets.put("b", f"{number:04}", b"", {}, {})
    listing = open_store("gs://b").list()
    assert next(listing).key == "0000"
    assert len(requests(meddled_storage, "/o?")) == 1
    assert [item.key for item in listing][-1] == "1000"
    assert len(requests(meddled_storage, "/o?")) == 2


def test_a_downloaded_file_with_another_hash_is_refused_and_not_kept(gcs_bucket, local_state):
    from utils.storage.cache import local_copies

    uri = open_store(gcs_bucket).write("a.png", b"changed")
    with pytest.raises(StoreError, match="its hash differs"):
        list(local_copies([(uri, "0" * 64)]))
    assert not list((local_state / "cache" / "images").rglob("0000*"))


def test_an_object_that_changed_after_it_was_listed_is_not_taken_for_what_was(
    gcs_bucket, tmp_path, monkeypatch
):
    monkeypatch.setattr(gcs, "_DOWNLOAD_PART_BYTES", 2)
    store = open_store(gcs_bucket)
    store.write("a.png", b"old")
    (listed,) = store.list()
    store.write("a.png", b"new")
    for item in (listed, replace(listed, size_bytes=1)):  # in parts, and in one piece
        with pytest.raises(StoreError, match=r"does not exist\. List it again\.$"):
            store.get(item, tmp_path / "copy", remedy="List it again.")


def test_the_newest_copy_of_an_object_replaces_older_ones(gcs_bucket, google_storage):
    from utils.storage.cache import newest_copy

    uri = f"{gcs_bucket}/weights/a.pt"
    store = open_store(gcs_bucket)
    store.write("weights/a.pt.bak", b"other")
    assert newest_copy(uri) is None
    for content in (b"old", b"new"):
        store.write("weights/a.pt", content)
        copies = [newest_copy(uri), newest_copy(uri)]
        assert [copy.read_bytes() for copy in copies] == [content] * 2
    assert list(copies[0].parent.iterdir()) == [copies[0]]
    assert len(requests(google_storage, "alt=media")) == 2


def test_objects_that_stand_for_folders_are_not_listed(meddled_storage):
    for name in ("a/", "a/b.png", "a/c/"):
        meddled_storage.buckets.put("b", name, b"", {}, {})
    assert [item.key for item in open_store("gs://b/a").list()] == ["b.png"]
