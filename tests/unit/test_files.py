"""Files appear whole or not at all, and a full disk is said in one sentence."""

from __future__ import annotations

import errno
import os
import re
import stat
from pathlib import Path

import pyarrow as pa
import pytest

from tests.builders import full_disk
from utils.errors import StoreError
from utils.files import write_whole, written_whole
from utils.scenes.options import SyntheticSource
from utils.scenes.synthetic import drawn_scene
from utils.storage.store import open_store
from utils.tables import versioned_schema, write_table

SMALL_SCENE = SyntheticSource(width=256, height=256, ships=0)


def write_rows(folder: Path) -> None:
    schema = versioned_schema("things", 1, [("name", pa.string())])
    write_table(folder / "t.parquet", schema, ({"name": str(n)} for n in range(5000)))


@pytest.mark.parametrize(
    "write",
    [
        pytest.param(lambda folder: write_whole(folder / "a.txt", "x" * 10_000), id="text"),
        pytest.param(write_rows, id="table"),
        pytest.param(lambda folder: drawn_scene(folder, 0, SMALL_SCENE), id="synthetic scene"),
        pytest.param(lambda folder: open_store(str(folder)).write("a", b"1" * 10_000), id="store"),
    ],
)
def test_a_full_disk_is_one_sentence_and_leaves_nothing_unfinished(tmp_path, write):
    sentence = re.escape(
        f"The disk that holds {tmp_path / 'out'} is full. "
        "Free some space and run this again: what is done is kept."
    )
    with full_disk(5000), pytest.raises(StoreError, match=f"^{sentence}$"):
        write(tmp_path / "out")
    assert not list((tmp_path / "out").glob(".*"))


@pytest.fixture
def disk(monkeypatch) -> list[str]:
    """Requests to the disk, in order."""
    asked: list[str] = []
    sync, rename = os.fsync, os.replace

    def record_sync(descriptor: int) -> None:
        is_folder = stat.S_ISDIR(os.fstat(descriptor).st_mode)
        asked.append("sync folder" if is_folder else "sync file")
        sync(descriptor)

    def record_rename(source: Path, destination: Path) -> None:
        asked.append("rename")
        rename(source, destination)

    monkeypatch.setattr(os, "fsync", record_sync)
    monkeypatch.setattr(os, "replace", record_rename)
    return asked


def test_a_file_is_on_the_disk_before_it_has_its_name(disk, tmp_path):
    write_whole(tmp_path / "state.json", "{}")
    write_rows(tmp_path)
    assert disk == ["sync file", "rename", "sync folder"] * 2


def test_tiles_are_not_waited_for(disk, tmp_path):
    open_store(str(tmp_path)).write("tile.png", b"1" * 10_000)
    assert disk == ["rename"]


def test_other_faults_of_the_disk_pass_through(tmp_path):
    with pytest.raises(OSError, match="odd"), written_whole(tmp_path / "a"):
        raise OSError(errno.EIO, "odd")
