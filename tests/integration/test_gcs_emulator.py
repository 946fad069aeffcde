"""The emulated Google Cloud Storage, seen by Google's client and by gcsfs."""

from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor

import gcsfs
import pytest
from google.api_core.exceptions import (
    BadRequest,
    Conflict,
    Forbidden,
    NotFound,
    PreconditionFailed,
    ServiceUnavailable,
)
from google.auth.exceptions import InvalidOperation
from google.cloud import storage

from tests.emulators.gcs import GoogleStorage

MEGABYTE = 1024 * 1024
CONTENT = bytes(range(256)) * (3 * MEGABYTE // 256)


@pytest.fixture
def bucket(gcs_bucket: str) -> storage.Bucket:
    return storage.Client(project="local").bucket(gcs_bucket.removeprefix("gs://"))


@pytest.fixture
def filesystem(gcs_bucket: str) -> gcsfs.GCSFileSystem:
    return gcsfs.GCSFileSystem(token="anon", skip_instance_cache=True, use_listings_cache=False)


def test_what_is_written_is_read_and_described(bucket):
    blob = bucket.blob("folder a/ü.bin")
    blob.metadata = {"split": "val"}
    blob.upload_from_string(b"content", content_type="image/png")

    read = bucket.get_blob("folder a/ü.bin")
    assert read.download_as_bytes() == b"content"
    assert (read.content_type, read.size, read.metadata) == ("image/png", 7, {"split": "val"})
    assert (read.md5_hash, read.crc32c) == ("mgNkuembtIDdJeHwKEyFVQ==", "Ya91Mw==")


def test_a_range_of_an_object_is_read(bucket):
    bucket.blob("a").upload_from_string(b"0123456789")
    assert bucket.blob("a").download_as_bytes(start=2, end=4) == b"234"


def test_an_object_that_changed_meanwhile_is_not_replaced(bucket):
    blob = bucket.blob("a")
    blob.upload_from_string(b"mine", if_generation_match=0)
    seen = blob.generation
    bucket.blob("a").upload_from_string(b"another", if_generation_match=seen)
    with pytest.raises(PreconditionFailed):
        blob.upload_from_string(b"mine again", if_generation_match=seen)
    with pytest.raises(PreconditionFailed):
        blob.upload_from_string(b"first", if_generation_match=0)
    with pytest.raises(PreconditionFailed):
        bucket.blob("a").delete(if_generation_match=seen)
    assert bucket.blob("a").download_as_bytes() == b"another"


def test_an_upload_with_a_wrong_hash_is_refused(bucket):
    blob = bucket.blob("a")
    blob.md5_hash = "mgNkuembtIDdJeHwKEyFVQ=="
    with pytest.raises(BadRequest, match="doesn't match"):
        blob.upload_from_string(b"another")
    assert not bucket.blob("a").exists()


def test_a_listing_comes_in_pages_and_in_order(bucket, google_storage):
    for name in ("b/2", "a", "b/1", "c/1", "b"):
        bucket.blob(name).upload_from_string(b"")
    pages = bucket.list_blobs(page_size=2).pages
    assert [[blob.name for blob in page] for page in pages] == [["a", "b"], ["b/1", "b/2"], ["c/1"]]
    assert sum("/o?" in request for request in google_storage.requests if "GET" in request) == 3
    assert [blob.name for blob in bucket.list_blobs(prefix="b/")] == ["b/1", "b/2"]


@pytest.mark.parametrize("page_size", [1, 10])
def test_folders_are_listed_once(bucket, page_size):
    for name in ("a/1", "a/2", "b", "c/1"):
        bucket.blob(name).upload_from_string(b"")
    listing = bucket.list_blobs(delimiter="/", page_size=page_size)
    assert [blob.name for blob in listing] == ["b"]
    assert listing.prefixes == {"a/", "c/"}


def test_a_missing_bucket_and_a_missing_object_are_not_found(bucket):
    with pytest.raises(NotFound):
        bucket.blob("a").download_as_bytes()
    missing = bucket.client.bucket("nobodys-bucket")
    assert not missing.exists()
    with pytest.raises(NotFound, match="bucket does not exist"):
        missing.blob("a").upload_from_string(b"")
    with pytest.raises(NotFound):
        list(missing.list_blobs())


def test_a_bucket_is_made_once_and_deleted_when_empty(bucket):
    with pytest.raises(Conflict):
        bucket.client.create_bucket(bucket.name)
    bucket.blob("a").upload_from_string(b"")
    with pytest.raises(Conflict, match="not empty"):
        bucket.delete()
    bucket.blob("a").delete()
    bucket.delete()
    assert not bucket.exists()


def test_an_object_is_copied_and_renamed(bucket):
    source = bucket.blob("a")
    source.upload_from_string(b"content", content_type="image/png")
    bucket.copy_blob(source, bucket, "b")
    bucket.blob("c").rewrite(source)
    assert [blob.name for blob in bucket.list_blobs()] == ["a", "b", "c"]
    assert bucket.get_blob("c").content_type == "image/png"


def test_what_is_told_about_an_object_can_be_changed(bucket):
    blob = bucket.blob("a")
    blob.upload_from_string(b"")
    blob.metadata = {"reviewed": "yes"}
    blob.patch()
    assert bucket.get_blob("a").metadata == {"reviewed": "yes"}
    assert blob.metageneration == 2


def test_the_permissions_asked_for_are_granted(bucket):
    asked = ["storage.objects.create", "storage.objects.get"]
    assert bucket.test_iam_permissions(asked) == asked


@pytest.mark.parametrize("cuts", [0, 2], ids=["whole", "broken off twice"])
def test_a_large_upload_is_resumed_where_it_broke_off(bucket, google_storage, cuts):
    google_storage.faults.cut_next("upload", cuts)
    blob = bucket.blob("large", chunk_size=MEGABYTE)
    blob.upload_from_file(io.BytesIO(CONTENT), if_generation_match=0)
    assert bucket.blob("large").download_as_bytes() == CONTENT
    starts = [r for r in google_storage.requests if r.startswith("POST") and "resumable" in r]
    assert len(starts) == 1


def test_a_small_upload_that_breaks_off_is_sent_again(bucket, google_storage):
    google_storage.faults.cut_next("upload")
    bucket.blob("a").upload_from_string(b"content", if_generation_match=0)
    assert bucket.blob("a").download_as_bytes() == b"content"


def test_a_download_that_breaks_off_goes_on_in_the_middle(bucket, google_storage):
    bucket.blob("large").upload_from_string(CONTENT)
    google_storage.faults.cut_next("download")
    assert bucket.blob("large").download_as_bytes() == CONTENT


@pytest.mark.parametrize("status", [503, 429])
def test_a_refused_upload_is_repeated_by_the_client(bucket, google_storage, status):
    google_storage.faults.fail_next(status, 2, matching="POST /upload")
    bucket.blob("a").upload_from_string(b"content", if_generation_match=0)
    assert bucket.blob("a").download_as_bytes() == b"content"
    assert sum(request.startswith("POST /upload") for request in google_storage.requests) == 3


def test_a_fault_meets_only_the_requests_it_is_meant_for(bucket, google_storage):
    google_storage.faults.fail_next(503, matching="DELETE")
    bucket.blob("a").upload_from_string(b"")
    with pytest.raises(ServiceUnavailable):
        bucket.blob("a").delete(retry=None)


@pytest.mark.parametrize(
    ("status", "error"),
    [
        pytest.param(401, InvalidOperation, id="401: without credentials there is no other token"),
        pytest.param(403, Forbidden, id="403"),
    ],
)
def test_credentials_and_roles_can_be_missing(bucket, google_storage, status, error):
    with google_storage.faults.refusing(status), pytest.raises(error):
        bucket.blob("a").upload_from_string(b"")
    bucket.blob("a").upload_from_string(b"")


def test_gcsfs_reads_what_it_writes(gcs_bucket, filesystem):
    filesystem.pipe(f"{gcs_bucket}/small/a", b"content")
    with filesystem.open(f"{gcs_bucket}/large", "wb", block_size=MEGABYTE) as stream:
        stream.write(CONTENT)

    assert filesystem.cat(f"{gcs_bucket}/small/a") == b"content"
    with filesystem.open(f"{gcs_bucket}/large", "rb") as stream:
        stream.seek(MEGABYTE)
        assert stream.read() == CONTENT[MEGABYTE:]
    assert filesystem.cat_file(f"{gcs_bucket}/large", start=5, end=7) == CONTENT[5:7]


def test_gcsfs_walks_copies_and_removes_folders(gcs_bucket, filesystem):
    for name in ("a", "b/c"):
        filesystem.pipe(f"{gcs_bucket}/top/{name}", name.encode())
    assert filesystem.isdir(f"{gcs_bucket}/top")
    assert not filesystem.exists(f"{gcs_bucket}/to")
    assert [entry[1:] for entry in filesystem.walk(f"{gcs_bucket}/top")] == [
        (["b"], ["a"]),
        ([], ["c"]),
    ]
    filesystem.copy(f"{gcs_bucket}/top", f"{gcs_bucket}/copy", recursive=True)
    filesystem.rm(f"{gcs_bucket}/top", recursive=True)
    assert len(filesystem.find(gcs_bucket)) == 2
    with pytest.raises(FileNotFoundError):
        filesystem.cat(f"{gcs_bucket}/top/a")


def test_many_threads_upload_at_once(bucket, google_storage: GoogleStorage):
    def upload(number: int) -> None:
        bucket.blob(f"tiles/{number:04}").upload_from_string(b"tile", if_generation_match=0)

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(upload, range(200)))
    assert sum(1 for _ in bucket.list_blobs(prefix="tiles/", page_size=64)) == 200
