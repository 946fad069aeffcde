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
from utils.annotation.join import Join, json_items

objects = st.lists(
    st.dictionaries(st.text(), st.one_of(st.integers(), st.text(), st.lists(st.floats(0, 1))))
)


class Dribble(io.StringIO):
    """Text that arrives a few characters at a time."""

    def __init__(self, text: str, step: int) -> None:
        super().__init__(text)
        self._step = step

    def read(self, size: int | None = -1, /) -> str:  # noqa: ARG002 - the size is its own
        return super().read(self._step)


@given(objects, st.integers(1, 9), st.sampled_from([None, 1, 4]), st.booleans())
def test_items_survive_any_chunking(
    items: list[dict[str, Any]], step: int, indent: int | None, ascii_only: bool
) -> None:
    text = json.dumps(items, indent=indent, ensure_ascii=ascii_only)
    found = list(json_items(Dribble(text, step)))
    assert [item for item, _ in found] == items
    assert [json.loads(raw) for _, raw in found] == items


@pytest.mark.parametrize("text", ["", "{}", "[{}", '[{"a": 1', "[{}, ", "<html>"])
def test_what_is_not_a_whole_array_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="export"):
        list(json_items(io.StringIO(text)))


def test_every_tile_meets_its_tasks_in_order_of_tile_id(tmp_path: Path) -> None:
    tiles = [make_tile(tmp_path, x=x, truth=boxes((1, 2, 3, 4))) for x in (30, 0, 20, 10)]
    by_id = sorted(tiles, key=lambda tile: tile.tile_id)
    tasks = [
        {"id": 1, "data": {"tile_id": by_id[2].tile_id}},
        {"id": 2, "data": {"tile_id": by_id[0].tile_id}},
        {"id": 3, "data": {"tile_id": by_id[2].tile_id}},
        {"id": 4, "data": {"tile_id": "unheard of"}},
        {"id": 5, "data": {"image": "somebody's own"}},
    ]
    export = tmp_path / "export.json"
    export.write_text(json.dumps(tasks))
    with closing(Join(tmp_path / "scratch", tiles, export)) as join:
        joined = list(join.tiles_with_tasks())
        strangers = list(join.tasks_without_tile())
    assert [tile for tile, _ in joined] == by_id
    assert [[task["id"] for task in tasks] for _, tasks in joined] == [[2], [], [1, 3], []]
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
    Join(Path({str(tmp_path)!r}, "scratch"), tiles, Path("/dev/null"))
except StoreError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert f"The disk that holds {tmp_path} is full or fails" in done.stdout
