"""An ingest that is really killed, or really runs out of disk, and then finishes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.ingest_scenes import ingest, write_scenes
from utils.errors import StoreError
from utils.storage import local
from utils.tiling.manifest import TileManifest


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_scenes(tmp_path_factory.mktemp("images"))


@pytest.fixture(scope="module")
def undisturbed(images: Path, tmp_path_factory: pytest.TempPathFactory) -> TileManifest:
    folder = tmp_path_factory.mktemp("undisturbed")
    return ingest(images, str(folder / "store"), folder / "m.parquet").manifest


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    """The ingest in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "tests.ingest_scenes", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
    )


def content(manifest: Path, store: str) -> list[object]:
    """The tiles of a manifest, wherever the store was."""
    return [
        (tile.tile_id, tile.sha256, tile.shapes, tile.uri.removeprefix(store))
        for tile in TileManifest(manifest)
    ]


# 28 tiles, a local and a stored part for each of 4 scenes, and the manifest at the end: 37 files.
@pytest.mark.parametrize("file_number", [1, 6, 15, 27, 34, 37])
def test_an_ingest_killed_at_any_file_finishes_as_if_undisturbed(
    images, undisturbed, tmp_path, file_number
):
    store, manifest = tmp_path / "store", tmp_path / "m.parquet"
    assert run(images, store, manifest, "kill", file_number).returncode == -signal.SIGKILL
    assert not manifest.exists()
    result = ingest(images, str(store), manifest)
    undisturbed_store = str(undisturbed.path.parent / "store")
    assert content(manifest, str(store)) == content(undisturbed.path, undisturbed_store)
    assert ingest(images, str(store), tmp_path / "again.parquet").statistics.scenes_unchanged == 4
    assert (tmp_path / "again.parquet").read_bytes() == result.manifest.path.read_bytes()


def test_an_interrupted_ingest_leaves_no_half_files_and_finishes_later(
    images, undisturbed, tmp_path
):
    store, manifest = tmp_path / "store", tmp_path / "m.parquet"
    assert run(images, store, manifest, "interrupt", 12).returncode == -signal.SIGINT
    assert not list(store.rglob(".*"))
    ingest(images, str(store), manifest)
    undisturbed_store = str(undisturbed.path.parent / "store")
    assert content(manifest, str(store)) == content(undisturbed.path, undisturbed_store)


# Here only the local parts and the manifest are files; the tiles before them are in the bucket.
@pytest.mark.parametrize("file_number", [2, 5])
def test_an_ingest_into_a_bucket_killed_half_way_finishes_as_if_undisturbed(
    images, undisturbed, gcs_bucket, tmp_path, file_number
):
    killed = run(images, gcs_bucket, tmp_path / "m.parquet", "kill", file_number)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    ingest(images, gcs_bucket, tmp_path / "m.parquet")
    undisturbed_store = str(undisturbed.path.parent / "store")
    expected = content(undisturbed.path, undisturbed_store)
    assert content(tmp_path / "m.parquet", gcs_bucket) == expected


def test_a_file_size_limit_is_said_in_one_sentence_and_the_next_run_finishes(
    images, undisturbed, tmp_path
):
    failed = run(images, tmp_path / "store", tmp_path / "m.parquet", "limit", 20_000)
    assert failed.returncode == 1
    (sentence,) = failed.stderr.strip().splitlines()
    assert sentence.startswith(f"The disk that holds {tmp_path / 'store'}/")
    assert sentence.endswith("is full. Free some space and run this again: what is done is kept.")
    ingest(images, str(tmp_path / "store"), tmp_path / "m.parquet")
    assert len(TileManifest(tmp_path / "m.parquet")) == len(undisturbed)


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 400 kB."""
    if os.geteuid() != 0:
        pytest.skip("only root may mount a tiny disk")
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("a tiny disk cannot be mounted here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_is_said_in_one_sentence_and_leaves_no_half_files(
    images, tiny_disk, tmp_path, monkeypatch
):
    monkeypatch.setattr(local, "_SPARE_BYTES", 0)
    with pytest.raises(StoreError, match=r"is full\. Free some space and run this again"):
        ingest(images, str(tiny_disk / "store"), tmp_path / "m.parquet")
    assert not list(tiny_disk.rglob(".*"))
    assert list(tiny_disk.rglob("*.png"))
