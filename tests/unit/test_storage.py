"""Promises of every object store, on a local folder and on a bucket."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event, Lock

import pytest

from utils.errors import ConfigurationError, StoreError
from utils.files import sha256_of
from utils.issues import IssueReport
from utils.storage.cache import local_copies, local_copy
from utils.storage.disk import disk_faults, require_free_space
from utils.storage.objects import ObjectStore
from utils.storage.store import open_store
from utils.storage.transfers import PARALLEL_TRANSFERS, Transfers, in_parallel

AWKWARD_KEYS = ["a.png", "tiles/ünï cödé/b [1].png", "tiles/c#?&%20.png", "tiles/d+e=f.png"]


@pytest.fixture(params=["local folder", "bucket", "prefix in a bucket"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> ObjectStore:
    if request.param == "local folder":
        return open_store(str(tmp_path / "store"))
    bucket = request.getfixturevalue("gcs_bucket")
    return open_store(f"{bucket}/some/prefix/" if "prefix" in request.param else bucket)


def stamp(store: ObjectStore, key: str) -> object:
    """Something that changes when an object is written again."""
    if "://" not in store.uri:
        return Path(store.uri, key).stat().st_ino
    from google.cloud import storage

    bucket, _, prefix = store.uri.removeprefix("gs://").partition("/")
    return storage.Client().bucket(bucket).get_blob(f"{prefix}/{key}".lstrip("/")).generation


@pytest.mark.parametrize("key", AWKWARD_KEYS)
def test_what_is_written_can_be_read(store, key, tmp_path):
    uri = store.write(key, b"content")
    assert uri.startswith(store.uri + "/")
    assert store.get(key, tmp_path / "copy" / "a").read_bytes() == b"content"
    assert store.get(uri, tmp_path / "copy" / "b").read_bytes() == b"content"


def test_of_two_who_have_seen_the_same_version_one_replaces_it(store, tmp_path):
    first = store.replace("a.json", b"first", None)
    assert store.replace("a.json", b"late", None) is None
    second = store.replace("a.json", b"second", first)
    assert store.replace("a.json", b"late", first) is None
    assert second == next(store.list()).version != first
    assert store.get("a.json", tmp_path / "copy").read_bytes() == b"second"


def test_what_has_been_deleted_is_not_replaced_but_made(store):
    version = store.replace("a.json", b"first", None)
    store.delete("a.json")
    assert store.replace("a.json", b"second", version) is None
    assert store.replace("a.json", b"second", None) is not None


def test_a_file_can_be_put(store, tmp_path):
    (tmp_path / "a").write_bytes(b"content")
    assert store.put(tmp_path / "a", "b/c.png") == f"{store.uri}/b/c.png"
    assert store.get("b/c.png", tmp_path / "copy").read_bytes() == b"content"


def test_listing_gives_keys_in_order_with_size_and_hash(store):
    for key in ["b/2.png", "b/1.png", "a.png", "b.png", "b/1/x.png"]:
        store.write(key, key.encode())
    found = list(store.list())
    assert [item.key for item in found] == sorted(item.key for item in found)
    assert {item.key for item in found} == {"b/2.png", "b/1.png", "a.png", "b.png", "b/1/x.png"}
    for item in found:
        assert item.uri == f"{store.uri}/{item.key}"
        assert item.size_bytes == len(item.key)
        assert item.sha256() == hashlib.sha256(item.key.encode()).hexdigest()


@pytest.mark.parametrize(
    ("prefix", "expected"),
    [
        pytest.param("b/", ["b/1.png", "b/2.png"], id="folder"),
        pytest.param("b/1", ["b/1.png"], id="part of a name"),
        pytest.param("b", ["b.png", "b/1.png", "b/2.png"], id="folder and file"),
        pytest.param("nothing/", [], id="nothing there"),
    ],
)
def test_listing_by_prefix(store, prefix, expected):
    for key in ["b/2.png", "b/1.png", "a.png", "b.png"]:
        store.write(key, b"")
    assert [item.key for item in store.list(prefix)] == expected


def test_the_same_content_is_not_written_again(store, tmp_path):
    store.write("a.png", b"content")
    before = stamp(store, "a.png")
    store.write("a.png", b"content")
    (tmp_path / "a").write_bytes(b"content")
    store.put(tmp_path / "a", "a.png")
    assert stamp(store, "a.png") == before


def test_other_content_of_the_same_size_replaces_the_old(store, tmp_path):
    store.write("a.png", b"content")
    store.write("a.png", b"CONTENT")
    assert store.get("a.png", tmp_path / "copy").read_bytes() == b"CONTENT"


def test_a_missing_object_is_named(store, tmp_path):
    store.write("here.png", b"")
    with pytest.raises(StoreError, match=rf"{store.uri}/gone\.png does not exist. Check the name"):
        store.get("gone.png", tmp_path / "a")
    with pytest.raises(StoreError, match=r"gone\.png does not exist. Train again.$"):
        store.get("gone.png", tmp_path / "a", remedy="Train again.")
    assert not (tmp_path / "a").exists()


def test_a_healthy_store_passes_its_check_and_stays_empty(store):
    store.check()
    assert list(store.list()) == []


def test_writers_in_parallel_do_not_disturb_each_other(store, tmp_path):
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda n: store.write(f"{n % 4}.png", bytes([n % 4]) * 1000), range(32)))
    copies = [(item.key, store.get(item.key, tmp_path / item.key)) for item in store.list()]
    assert [(key, copy.read_bytes()[0]) for key, copy in copies] == [
        (f"{n}.png", n) for n in range(4)
    ]


def test_local_copies_are_checked_and_kept(store, tmp_path):
    files = [(store.write(f"{n}.png", bytes([n])), hashlib.sha256(bytes([n]))) for n in range(40)]
    wanted = [(uri, digest.hexdigest()) for uri, digest in files]
    copies = list(local_copies(wanted))
    assert [uri for uri, _ in copies] == [uri for uri, _ in wanted]
    assert [sha256_of(path) for _, path in copies] == [sha256 for _, sha256 in wanted]
    assert all(path.suffix == ".png" for _, path in copies)
    inodes = [path.stat().st_ino for _, path in copies]
    assert [path.stat().st_ino for _, path in local_copies(wanted)] == inodes


def test_a_file_that_many_want_at_once_is_whole_for_all(store):
    content = bytes(1_000_000)
    wanted = [(store.write("a.png", content), hashlib.sha256(content).hexdigest())] * 40
    assert {path.read_bytes() for _, path in local_copies(wanted)} == {content}


def test_a_deleted_object_is_gone_and_may_be_deleted_again(store):
    store.write("a.png", b"a")
    store.write("b.png", b"b")
    for _ in range(2):
        store.delete("a.png")
    assert [item.key for item in store.list()] == ["b.png"]


def test_the_version_of_an_object_grows_when_it_is_written_again(store):
    versions = []
    for content in (b"old", b"old", b"new"):
        store.write("a.png", content)
        versions += [int(item.version) for item in store.list()]
    assert versions[0] == versions[1] < versions[2]


def test_an_object_can_be_fetched_as_it_is_listed(store, tmp_path):
    store.write("b/a.png", b"content")
    (item,) = store.list()
    assert store.get(item, tmp_path / "copy").read_bytes() == b"content"


def test_one_local_copy_is_had_without_a_progress_bar(store, capsys):
    uri = store.write("a.png", b"a")
    sha256 = hashlib.sha256(b"a").hexdigest()
    assert sha256_of(local_copy(uri, sha256)) == sha256
    with pytest.raises(StoreError, match=r"gone\.png does not exist"):
        local_copy(f"{store.uri}/gone.png", "0" * 64)
    assert capsys.readouterr() == ("", "")


def test_a_missing_file_is_an_error_or_is_set_aside(store):
    good = store.write("a.png", b"a")
    wanted = [(f"{store.uri}/gone.png", "0" * 64), (good, hashlib.sha256(b"a").hexdigest())]
    with pytest.raises(StoreError, match=r"gone\.png does not exist. Run the ingest again"):
        list(local_copies(wanted))
    issues = IssueReport()
    assert [uri for uri, _ in local_copies(wanted, issues=issues)] == [good]
    assert [issue.item for issue in issues.issues] == [f"{store.uri}/gone.png"]


@pytest.mark.parametrize("key", ["../a.png", "/etc/passwd", "a/../../b.png", "gs://other/a.png"])
def test_keys_outside_the_store_are_refused(tmp_path, gcs_bucket, key):
    with pytest.raises(StoreError, match="lies outside the store"):
        open_store(str(tmp_path / "store")).write(key, b"")
    if key.startswith("gs://"):
        with pytest.raises(StoreError, match="lies outside the store"):
            open_store(gcs_bucket).get(key, tmp_path / "copy")


@pytest.mark.parametrize("uri", ["", "s3://bucket", "https://example.org/a"])
def test_unknown_kinds_of_store_are_refused(uri):
    with pytest.raises(ConfigurationError, match="Name a local folder or gs://bucket/prefix"):
        open_store(uri)


def test_a_bucket_needs_a_name():
    with pytest.raises(ConfigurationError, match="names no bucket"):
        open_store("gs://")


class TestDisk:
    def test_unfinished_files_are_not_listed(self, tmp_path):
        (tmp_path / ".abc.partial.png").write_bytes(b"half")
        assert list(open_store(str(tmp_path)).list()) == []

    def test_a_killed_write_leaves_the_old_content(self, tmp_path, monkeypatch):
        store = open_store(str(tmp_path))
        store.write("a.png", b"old")

        def killed(*paths: object) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr(os, "replace", killed)
        with pytest.raises(KeyboardInterrupt):
            store.write("a.png", b"new")
        assert (tmp_path / "a.png").read_bytes() == b"old"

    @pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
    def test_a_full_disk_is_one_sentence(self, tmp_path, code):
        with pytest.raises(StoreError, match="is full"), disk_faults(tmp_path):
            raise OSError(code, os.strerror(code))

    def test_a_folder_that_may_not_be_written_is_one_sentence(self, tmp_path):
        (tmp_path / "file").touch()
        (tmp_path / "closed").mkdir()
        (tmp_path / "closed").chmod(stat.S_IRUSR | stat.S_IXUSR)
        if os.access(tmp_path / "closed", os.W_OK):
            pytest.skip("this user may write everywhere")
        with pytest.raises(StoreError, match="may not be written"):
            open_store(str(tmp_path / "closed")).check()

    def test_a_file_in_the_way_is_one_sentence(self, tmp_path):
        (tmp_path / "file").touch()
        with pytest.raises(StoreError, match="file is not a folder"):
            open_store(str(tmp_path / "file")).check()

    def test_other_faults_pass_through(self, tmp_path):
        with pytest.raises(OSError, match="odd"), disk_faults(tmp_path):
            raise OSError(errno.EIO, "odd")

    def test_too_little_space_is_refused_before_work_begins(self, tmp_path):
        with pytest.raises(StoreError, match=r"MB free, at least 1000000000 MB are needed"):
            require_free_space(tmp_path / "not" / "yet", 10**15)
        require_free_space(tmp_path, 1)


class TestTransfers:
    def test_results_come_in_the_order_of_the_items(self):
        assert list(in_parallel(str, range(100))) == [str(number) for number in range(100)]

    def test_items_are_taken_a_few_at_a_time(self):
        taken = []
        results = in_parallel(str, (taken.append(n) or n for n in range(1000)))
        next(results)
        assert len(taken) <= 2 * PARALLEL_TRANSFERS + 1
        results.close()

    def test_several_run_at_the_same_time(self):
        running, lock, all_there = 0, Lock(), Event()

        def work() -> bool:
            nonlocal running
            with lock:
                running += 1
                if running == PARALLEL_TRANSFERS:
                    all_there.set()
            return all_there.wait(timeout=30)

        with Transfers() as transfers:
            submitted = [transfers.submit(work) for _ in range(PARALLEL_TRANSFERS)]
            assert all(future.result() for future in submitted)

    def test_an_error_reaches_whoever_waits(self):
        with pytest.raises(ValueError, match="invalid literal"):
            list(in_parallel(int, ["1", "x"]))
