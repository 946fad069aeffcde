"""What was found in the windows of a scene, kept as it comes, so that a kill loses little of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa

from utils.geometry import Boxes, Window
from utils.storage.store import ObjectStore
from utils.tables import BOXES, STRINGS, Table, versioned_schema
from utils.tiling.grid import Grid

_SCHEMA = versioned_schema(
    "windows",
    2,
    [
        *((name, pa.int32()) for name in ("x", "y", "width", "height")),
        ("boxes", BOXES),
        ("labels", STRINGS),
        ("scores", pa.list_(pa.float64())),
        ("seconds", pa.float64()),
        ("is_skipped", pa.bool_()),
    ],
)
# So many that writing costs next to nothing, so few that they are looked at in seconds.
_WINDOWS_IN_A_BAND = 64


@dataclass(frozen=True, slots=True)
class SeenWindow:
    """A window that is done with.

    Attributes:
        window: Where it lies.
        boxes: With scores, in scene coordinates.
        seconds: Its share of the time that reading and looking took.
        is_skipped: Whether it was taken for empty water and not looked at.
    """

    window: Window
    boxes: Boxes
    seconds: float
    is_skipped: bool = False


def _to_row(seen: SeenWindow) -> dict[str, Any]:
    window, boxes = seen.window, seen.boxes
    return {
        **{name: getattr(window, name) for name in ("x", "y", "width", "height")},
        "boxes": boxes.xyxy.tolist(),
        "labels": list(boxes.labels),
        "scores": boxes.scores.tolist() if boxes.scores is not None else [],
        "seconds": seen.seconds,
        "is_skipped": seen.is_skipped,
    }


def _to_seen(row: dict[str, Any]) -> SeenWindow:
    window = Window(x=row["x"], y=row["y"], width=row["width"], height=row["height"])
    boxes = Boxes(np.array(row["boxes"]), tuple(row["labels"]), np.array(row["scores"]))
    return SeenWindow(window, boxes, row["seconds"], row["is_skipped"])


class _Band(Table[SeenWindow]):
    """Some rows of windows."""

    schema: ClassVar[pa.Schema] = _SCHEMA
    to_row = staticmethod(_to_row)
    from_row = staticmethod(_to_seen)


class KeptWork:
    """Files of earlier runs with the same detector and options, in a store."""

    def __init__(self, store: ObjectStore, name: str, folder: Path) -> None:
        """Look what is there.

        Args:
            store: Where the files are kept.
            name: Of the detector and the options together.
            folder: For local copies.
        """
        self._store = store
        self._name = name
        self._folder = folder
        self._there = {found.key for found in store.list(f"{name}/")}

    def __contains__(self, key: str) -> bool:
        """Whether there is a file of that name."""
        return f"{self._name}/{key}" in self._there

    def local(self, key: str) -> Path:
        """Where the local copy of a file belongs."""
        return self._folder / key

    def fetch(self, key: str) -> Path:
        """The local copy of a file that is there."""
        return self._store.get(f"{self._name}/{key}", self.local(key))

    def keep(self, key: str) -> None:
        """Keep a file whose local copy was written."""
        self._store.put(self.local(key), f"{self._name}/{key}")

    def discard(self, key: str) -> None:
        """Remove a file."""
        self._store.delete(f"{self._name}/{key}")


class Bands:
    """The windows of one scene that were looked at, and those of them that are kept already.

    A band is a few whole rows of windows. It is kept as soon as it is complete, except the last
    one, since the file of the scene follows at once.
    """

    def __init__(self, kept: KeptWork, key: str, grid: Grid) -> None:
        """Take up what an earlier run has kept.

        Args:
            kept: The files of earlier runs.
            key: Of the scene, a prefix for the names of its bands.
            grid: The windows of the scene.
        """
        self._kept = kept
        self._key = key
        self._size = ceil(_WINDOWS_IN_A_BAND / len(grid.columns)) * len(grid.columns)
        self._total = len(grid)
        self._bands: list[str] = []
        self.seen = list(self._restored())
        self.rows_done = len(self.seen) // len(grid.columns)

    def add(self, seen: SeenWindow) -> None:
        """Note the next window, from top to bottom and from left to right."""
        self.seen.append(seen)
        if len(self.seen) % self._size == 0 and len(self.seen) < self._total:
            key = self._band(len(self.seen) - self._size)
            _Band.write(self._kept.local(key), (), self.seen[-self._size :])
            self._kept.keep(key)
            self._bands.append(key)

    def discard(self) -> None:
        """Remove the bands, once the scene itself is kept."""
        for key in self._bands:
            self._kept.discard(key)

    def _restored(self) -> Iterator[SeenWindow]:
        for first in range(0, self._total, self._size):
            key = self._band(first)
            if key not in self._kept:
                return
            self._bands.append(key)
            yield from _Band(self._kept.fetch(key))

    def _band(self, first: int) -> str:
        # The size is in the name: a band of another size is of no use.
        return f"{self._key}/{self._size}-{first:07d}.parquet"
