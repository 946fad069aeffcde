"""The tiles of a manifest beside the tasks of an export, joined by tile id outside of memory."""

from __future__ import annotations

import json
import pickle
import sqlite3
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path
from typing import Any, TextIO

from utils.errors import StoreError
from utils.tiling.tile import Tile

_CHUNK_CHARACTERS = 1 << 20
_TABLES = """
    CREATE TABLE tiles (tile_id TEXT PRIMARY KEY, tile BLOB);
    CREATE TABLE tasks (tile_id TEXT, task TEXT);
    CREATE INDEX tasks_by_tile ON tasks (tile_id);
"""

Task = dict[str, Any]


class Join:
    """Tiles and tasks in a scratch database."""

    def __init__(self, scratch: Path, tiles: Iterable[Tile], export: Path) -> None:
        """Read both sides as streams.

        Args:
            scratch: A file to be made; delete it afterwards.
            tiles: With distinct tile ids.
            export: Label Studio's JSON export: an array of tasks.

        Raises:
            ValueError: If the export is not that.
            StoreError: If the disk is full.
        """
        self._database = sqlite3.connect(scratch)
        tile_rows = ((tile.tile_id, pickle.dumps(tile)) for tile in tiles)
        try:
            self._database.executescript(_TABLES)
            self._database.executemany("INSERT INTO tiles VALUES (?, ?)", tile_rows)
            self._database.executemany("INSERT INTO tasks VALUES (?, ?)", _task_rows(export))
        except sqlite3.OperationalError as error:
            raise StoreError(
                f"The disk that holds {scratch.parent} is full or fails ({error}). "
                "Free some space, or name a folder on another disk in SPYGLASS_LOCAL (move .local "
                "there first), and run this again."
            ) from error

    def tiles_with_tasks(self) -> Iterator[tuple[Tile, list[Task]]]:
        """Every tile, in order of tile id, with its tasks: one, unless something went wrong."""
        rows = self._database.execute(
            "SELECT tile_id, tile, task FROM tiles LEFT JOIN tasks USING (tile_id) ORDER BY tile_id"
        )
        for _, group in groupby(rows, key=lambda row: row[0]):
            same_tile = list(group)
            tile: Tile = pickle.loads(same_tile[0][1])  # noqa: S301 - written above
            yield tile, [json.loads(task) for _, _, task in same_tile if task is not None]

    def tasks_without_tile(self) -> Iterator[tuple[int, str | None]]:
        """Number and tile id of each task whose tile is not among the tiles."""
        rows = self._database.execute(
            "SELECT json_extract(task, '$.id'), tile_id FROM tasks "
            "WHERE tile_id IS NULL OR tile_id NOT IN (SELECT tile_id FROM tiles)"
        )
        yield from rows

    def close(self) -> None:
        """Let go of the scratch file."""
        self._database.close()


def json_items(stream: TextIO) -> Iterator[tuple[Any, str]]:
    """The objects in a JSON array, parsed and as text, with no more than a few in memory.

    Raises:
        ValueError: If the text is not a JSON array, or ends early.
    """
    decoder = json.JSONDecoder()
    buffer = stream.read(_CHUNK_CHARACTERS).lstrip()
    if not buffer.startswith("["):
        raise ValueError("the export is not a JSON array")
    start = 1
    while True:
        start = _skip_separators(buffer, start)
        if buffer[start : start + 1] == "]":
            return
        try:
            item, end = decoder.raw_decode(buffer, start)
        except json.JSONDecodeError:
            more = stream.read(_CHUNK_CHARACTERS)
            if not more:
                raise ValueError("the export ends early") from None
            buffer, start = buffer[start:] + more, 0
            continue
        yield item, buffer[start:end]
        start = end


def _skip_separators(text: str, start: int) -> int:
    while start < len(text) and text[start] in " \t\r\n,":
        start += 1
    return start


def _task_rows(export: Path) -> Iterator[tuple[str | None, str]]:
    with export.open(encoding="utf-8") as stream:
        for task, text in json_items(stream):
            yield task["data"].get("tile_id"), text
