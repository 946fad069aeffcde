"""Tiles and tasks are joined by tile id, streamed."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import boxes, make_tile
from utils.annotation.join import Join, TaskRow
from utils.annotation.label_studio.connection import json_items

# Whole numbers that every JSON parser reads alike; Label Studio has no larger ones.
objects = st.lists(
    st.dictionaries(
        st.text(),
        st.one_of(st.integers(-(2**53), 2**53), st.text(), st.lists(st.floats(0, 1))),
    )
)


@given(objects, st.sampled_from([None, 1, 4]), st.booleans(), st.sampled_from(["", " \n\t"]))
def test_items_are_those_of_the_array(
    items: list[dict[str, Any]], indent: int | None, ascii_only: bool, before: str
) -> None:
    text = before + json.dumps(items, indent=indent, ensure_ascii=ascii_only)
    assert list(json_items(io.BytesIO(text.encode()))) == items


@pytest.mark.parametrize(
    "text", ["", "{}", "null", "[{}", '[{"a": 1', "[{}, ", "[{} {}]", "[{}]{}", "<html>"]
)
def test_json_that_is_not_one_whole_array_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="export"):
        list(json_items(io.BytesIO(text.encode())))


class Endless:
    """An array that has no end, as an answer of any size."""

    def __init__(self) -> None:
        self._begun = False

    def read(self, size: int = -1, /) -> bytes:
        if size == 0:
            return b""
        begun, self._begun = self._begun, True
        return b'{"a": 1}, ' * 1000 if begun else b"[" + b" " * 2000

    def seek(self, place: int, whence: int = 0, /) -> int:  # noqa: ARG002 - to the beginning
        self._begun = False
        return 0


def test_items_come_before_the_end_of_the_array_is_read() -> None:
    items = json_items(Endless())  # type: ignore[arg-type]
    assert [next(items) for _ in range(5000)] == [{"a": 1}] * 5000


def test_every_tile_meets_its_tasks_in_order_of_tile_id(tmp_path: Path) -> None:
    tiles = [make_tile(tmp_path, x=x, truth=boxes((1, 2, 3, 4))) for x in (30, 0, 20, 10)]
    by_id = sorted(tiles, key=lambda tile: tile.tile_id)
    shown = [by_id[2].tile_id, by_id[0].tile_id, by_id[2].tile_id, "unheard of", None]
    tasks = [TaskRow(tile_id, number, {"own": number}) for number, tile_id in enumerate(shown, 1)]
    with closing(Join(tmp_path / "scratch", tiles, tasks)) as join:
        joined = list(join.tiles_with_tasks())
        strangers = list(join.tasks_without_tile())
    assert [tile for tile, _ in joined] == by_id
    assert [[task["own"] for task in tasks] for _, tasks in joined] == [[2], [], [1, 3], []]
    assert strangers == [(4, "unheard of"), (5, None)]


def test_a_full_disk_is_one_sentence(tmp_path: Path) -> None:
    """A process that may not write large files stands in for a full disk."""
    script = f"""
import resource
from dataclasses import replace
from pathlib import Path
from tests.builders import make_tile
from utils.annotation.join import Join
from utils.errors import StoreError

tile = make_tile(Path({str(tmp_path)!r}))
tiles = (replace(tile, tile_id=str(number)) for number in range(20_000))
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    Join(Path({str(tmp_path)!r}, "scratch"), tiles, [])
except StoreError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert f"The disk that holds {tmp_path} is full or fails" in done.stdout
