"""Join of a manifest's tiles with an annotator's tasks by tile id, on disk instead of in memory."""

from __future__ import annotations

import pickle
import sqlite3
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

from utils.errors import StoreError
from utils.tiling.tile import Tile

# SQLite keeps both sides on disk, so memory does not grow with the number of tiles or tasks.
_TABLES = """
    CREATE TABLE tiles (tile_id TEXT PRIMARY KEY, tile BLOB);
    CREATE TABLE tasks (tile_id TEXT, number INTEGER, task BLOB);
    CREATE INDEX tasks_by_tile ON tasks (tile_id);
"""

Task = dict[str, Any]


class TaskRow(NamedTuple):
    """A task with the keys it is known by.

    Attributes:
        tile_id: The tile that it shows, or None for a task of other origin.
        number: The number that people see.
        task: The task as the annotator exports it.
    """

    tile_id: str | None
    number: int
    task: Task


class Join:
    """Tiles and tasks in a scratch database."""

    def __init__(self, scratch: Path, tiles: Iterable[Tile], tasks: Iterable[TaskRow]) -> None:
        """Read both sides as streams.

        Args:
            scratch: Path of a file to create; delete it afterwards.
            tiles: Tiles with distinct tile ids.
            tasks: The tasks of an export.

        Raises:
            StoreError: If the disk is full.
        """
        self._database = sqlite3.connect(scratch)
        tile_rows = ((tile.tile_id, pickle.dumps(tile)) for tile in tiles)
        task_rows = ((row.tile_id, row.number, pickle.dumps(row.task)) for row in tasks)
        try:
            self._database.executescript(_TABLES)
            self._database.executemany("INSERT INTO tiles VALUES (?, ?)", tile_rows)
            self._database.executemany("INSERT INTO tasks VALUES (?, ?, ?)", task_rows)
        except sqlite3.OperationalError as error:
            raise StoreError(
                f"The disk that holds {scratch.parent} is full or fails ({error}). "
                "Free some space, or name a folder on another disk in SPYGLASS_LOCAL (move .local "
                "there first), and run this again."
            ) from error

    def tiles_with_tasks(self) -> Iterator[tuple[Tile, list[Task]]]:
        """Yield every tile, in order of tile id, with its tasks: one, unless something went wrong.

        Tasks of one tile come in the order of the export.
        """
        rows = self._database.execute(
            "SELECT tile_id, tile, task FROM tiles LEFT JOIN tasks USING (tile_id) "
            "ORDER BY tile_id, tasks.rowid"
        )
        for _, group in groupby(rows, key=lambda row: row[0]):
            same_tile = list(group)
            # Pickles of this very process, in a folder that only its user can write to.
            tile: Tile = pickle.loads(same_tile[0][1])  # noqa: S301
            yield tile, [pickle.loads(task) for _, _, task in same_tile if task is not None]  # noqa: S301

    def tasks_without_tile(self) -> Iterator[tuple[int, str | None]]:
        """Yield number and tile id of each task whose tile is not among the tiles."""
        rows = self._database.execute(
            "SELECT number, tile_id FROM tasks "
            "WHERE tile_id IS NULL OR tile_id NOT IN (SELECT tile_id FROM tiles)"
        )
        yield from rows

    def close(self) -> None:
        """Close the scratch file."""
        self._database.close()
