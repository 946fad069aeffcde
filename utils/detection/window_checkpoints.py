"""Checkpoints of a scene's windows, kept while it is predicted, so that a kill loses little."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import Any, ClassVar

import pyarrow as pa

from utils.geometry import Window
from utils.images.measures import MEASURES, Measures
from utils.shapes.columns import from_columns, shape_fields, to_columns
from utils.shapes.grid import Grid
from utils.shapes.shapes import Shapes
from utils.storage.store import ObjectStore
from utils.tables import Table, versioned_schema

_SCHEMA = versioned_schema(
    "windows",
    5,
    [
        *((name, pa.int32()) for name in ("x", "y", "width", "height")),
        *shape_fields(scored=True),
        ("seconds", pa.float64()),
        ("is_skipped", pa.bool_()),
        *((name, pa.float64()) for name in MEASURES),
        ("outlier", pa.float64()),
    ],
)
# Enough that writing costs next to nothing, few enough to predict again in seconds.
_WINDOWS_PER_CHECKPOINT = 64


@dataclass(frozen=True, slots=True)
class ScannedWindow:
    """A window that was predicted, or skipped.

    Attributes:
        window: Window of the scene.
        boxes: Predicted boxes with scores, in scene coordinates.
        seconds: Its share of the time for reading and predicting.
        is_skipped: Whether it was skipped as empty water.
        measures: Quality of its pixels; None where it was skipped, and from earlier versions.
        outlier: Outlier score of its pixels, or None where it is not known.
    """

    window: Window
    shapes: Shapes
    seconds: float
    is_skipped: bool = False
    measures: Measures | None = None
    outlier: float | None = None


def _to_row(scanned: ScannedWindow) -> dict[str, Any]:
    window = scanned.window
    return {
        **{name: getattr(window, name) for name in ("x", "y", "width", "height")},
        **to_columns(scanned.shapes, scored=True),
        "seconds": scanned.seconds,
        "is_skipped": scanned.is_skipped,
        **{name: getattr(scanned.measures, name, None) for name in MEASURES},
        "outlier": scanned.outlier,
    }


def _from_row(row: dict[str, Any]) -> ScannedWindow:
    window = Window(x=row["x"], y=row["y"], width=row["width"], height=row["height"])
    found: list[Any] = [row.get(name) for name in MEASURES]
    return ScannedWindow(
        window,
        from_columns(row, scored=True),
        row["seconds"],
        row["is_skipped"],
        None if None in found else Measures(*found),
        row.get("outlier"),
    )


class _Checkpoint(Table[ScannedWindow]):
    """Some whole rows of windows."""

    schema: ClassVar[pa.Schema] = _SCHEMA
    oldest_version: ClassVar[int] = 3
    to_row = staticmethod(_to_row)
    from_row = staticmethod(_from_row)


class PredictionCache:
    """Files that runs with the same detector and options keep in a store."""

    def __init__(self, store: ObjectStore, name: str, folder: Path) -> None:
        """List the files of earlier runs.

        Args:
            store: Store of the files.
            name: Identity of the detector and the options together.
            folder: Folder for local copies.
        """
        self._store = store
        self._name = name
        self._folder = folder
        self._there = {stored.key for stored in store.list(f"{name}/")}

    def __contains__(self, key: str) -> bool:
        """Whether an earlier run has kept a file of that name."""
        return f"{self._name}/{key}" in self._there

    def local(self, key: str) -> Path:
        """Path of the local copy of a file."""
        return self._folder / key

    def fetch(self, key: str) -> Path:
        """Copy a file from the store; returns the local copy."""
        return self._store.get(f"{self._name}/{key}", self.local(key))

    def keep(self, key: str) -> None:
        """Copy a local file to the store."""
        self._store.put(self.local(key), f"{self._name}/{key}")

    def discard(self, key: str) -> None:
        """Delete a file from the store."""
        self._store.delete(f"{self._name}/{key}")


class WindowCheckpoints:
    """The scanned windows of one scene, with checkpoints of them in the cache.

    A checkpoint holds a few whole rows of windows and is kept as soon as it is complete. There is
    none of the last rows, since the file of the whole scene follows at once.

    Attributes:
        scanned: Windows that are done, from top to bottom and from left to right.
        rows_done: Number of rows of windows that an earlier run has done.
    """

    def __init__(self, cache: PredictionCache, key: str, grid: Grid) -> None:
        """Restore the checkpoints of an earlier run.

        Args:
            cache: Files of earlier runs.
            key: Name of the scene's files, a prefix for the names of its checkpoints.
            grid: Windows of the scene.
        """
        self._cache = cache
        self._key = key
        self._size = ceil(_WINDOWS_PER_CHECKPOINT / len(grid.columns)) * len(grid.columns)
        self._total = len(grid)
        self._keys: list[str] = []
        self.scanned = list(self._restored())
        self.rows_done = len(self.scanned) // len(grid.columns)

    def add(self, scanned: ScannedWindow) -> None:
        """Add the next window."""
        self.scanned.append(scanned)
        done = len(self.scanned)
        if done % self._size == 0 and done < self._total:
            key = self._key_from(done - self._size)
            _Checkpoint.write(self._cache.local(key), (), self.scanned[-self._size :])
            self._cache.keep(key)
            self._keys.append(key)

    def discard(self) -> None:
        """Delete the checkpoints, once the scene itself is kept."""
        for key in self._keys:
            self._cache.discard(key)

    def _restored(self) -> Iterator[ScannedWindow]:
        for first in range(0, self._total, self._size):
            key = self._key_from(first)
            if key not in self._cache:
                return
            self._keys.append(key)
            yield from _Checkpoint(self._cache.fetch(key))

    def _key_from(self, first: int) -> str:
        # A version with checkpoints of another size finds none of these: the size is in the name.
        return f"{self._key}/{self._size}-{first:07d}.parquet"
