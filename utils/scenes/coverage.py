"""The covered parts of a scene: pixels with data, inside the regions of its source.

A mask of a scene is read a few rows at a time. What stays is a word for each window, and the
missing pixels as compressed bits: the file may be gone when boxes are compared with them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from utils.errors import GeoreferenceError
from utils.files import sha256_of
from utils.geometry import BoolArray, FloatArray, Span, Window
from utils.images.missing import declares_missing, opened_missing
from utils.images.options import PixelOptions
from utils.issues import Issue
from utils.scenes.missing_rows import MissingRows, any_between
from utils.scenes.region_choice import NOT_USED
from utils.scenes.regions import Region
from utils.scenes.scene import Scene

COVERED, WITHOUT_DATA, OUTSIDE = range(3)

StateArray = NDArray[np.uint8]

_ROWS = 512  # as high as the blocks of most tiled files, each of which is then decoded once
_MOST_PIXELS = 1 << 24


@dataclass(frozen=True, slots=True)
class Covered:
    """The windows and boxes of a scene that count.

    Attributes:
        windows: For each window of a grid COVERED, WITHOUT_DATA or OUTSIDE, shape (k,).
        inside: For each box of the scene whether its centre lies inside the regions, shape (n,).
    """

    windows: StateArray
    inside: BoolArray


@dataclass(slots=True)
class Coverage:
    """The covered parts of one scene.

    Attributes:
        scene: The scene.
        pixels: How its image is read.
        width: Width of the upright image, in pixels.
        height: Height of the upright image, in pixels.
        declares: Whether the image can say that a pixel is missing.
        region: Region to use; None for all of the scene.
        identity: Key of the covered parts; empty if all of the scene is covered.
        issues: Why a region is not used.
    """

    scene: Scene
    pixels: PixelOptions
    width: int
    height: int
    declares: bool
    region: Region | None
    identity: str
    issues: tuple[Issue, ...] = ()
    _missing: MissingRows | None = field(default=None, init=False)

    def windows(self, columns: Sequence[Span], rows: Sequence[Span]) -> StateArray:
        """Classify each window of a grid.

        A window is passed over if no pixel of it is in the region, or if none of those has data.

        Args:
            columns: (start, size) of each column of windows, in pixels.
            rows: (start, size) of each row of windows.

        Returns:
            COVERED, WITHOUT_DATA or OUTSIDE, from top to bottom, then from left to right.

        Raises:
            ImageError: If the image or the mask of a region cannot be read.
        """
        if not self.identity:
            return np.full(len(columns) * len(rows), COVERED, dtype=np.uint8)
        asked = np.zeros((len(rows), len(columns)), dtype=np.bool_)
        covered = asked.copy()
        starts = np.array([start for start, _ in columns])
        ends = np.array([start + size for start, size in columns])
        for top, inside, there in self._strips():
            wanted = inside & there
            for index, (start, size) in enumerate(rows):
                part = slice(max(start - top, 0), max(start + size - top, 0))
                asked[index] |= any_between(inside[part], starts, ends)
                covered[index] |= any_between(wanted[part], starts, ends)
        states = np.where(covered, COVERED, np.where(asked, WITHOUT_DATA, OUTSIDE))
        return states.astype(np.uint8).reshape(-1)

    def inside(self, xyxy: FloatArray) -> BoolArray:
        """Whether the centres of boxes lie inside the region, shape (n,).

        A centre counts as its pixel does; one beside the scene or not a number counts as inside,
        since other rules decide about it.

        Raises:
            ImageError: If the mask of a region cannot be read.
        """
        found = np.ones(len(xyxy), dtype=np.bool_)
        if self.region is None or not len(xyxy):
            return found
        with np.errstate(invalid="ignore"):
            columns, rows = np.floor((xyxy[:, :2] + xyxy[:, 2:]) / 2).T
        here = (columns >= 0) & (columns < self.width) & (rows >= 0) & (rows < self.height)
        with self.region.placed(self.scene.georeference, self.width, self.height) as region:
            found[here] = region.at(columns[here], rows[here])
        return found

    def at_edge(self, xyxy: FloatArray) -> BoolArray:
        """Whether boxes touch an area without data, shape (n,).

        Areas narrower than 9 pixels do not count: single pixels of a nodata value are dark things.
        The missing pixels are those that `windows` has read; the image is not opened.
        """
        if self._missing is None:
            return np.zeros(len(xyxy), dtype=np.bool_)
        return self._missing.touching(xyxy)

    def share_inside(self) -> float | None:
        """The share of the pixels of the scene in the region; None where there is no region."""
        if self.region is None:
            return None
        inside = sum(int(strip.sum()) for _, strip, _ in self._strips(with_missing=False))
        return inside / (self.width * self.height)

    def _strips(self, with_missing: bool = True) -> Iterator[tuple[int, BoolArray, BoolArray]]:
        """Yield (top, inside, with data) for some rows at a time."""
        step = max(min(_ROWS, _MOST_PIXELS // self.width), 1)
        kept = MissingRows(step, self.width, self.height)
        place = self.scene.georeference, self.width, self.height
        reads_missing = self.declares and with_missing
        with ExitStack() as opened:
            region = self.region and opened.enter_context(self.region.placed(*place))
            missing = reads_missing and opened.enter_context(
                opened_missing(self.scene.path, self.pixels)
            )
            for top in range(0, self.height, step):
                count = min(step, self.height - top)
                shape = count, self.width
                inside = region.rows(top, count) if region else np.ones(shape, dtype=np.bool_)
                there: BoolArray = np.ones(shape, dtype=np.bool_)
                if missing:
                    there = ~missing(Window(x=0, y=top, width=self.width, height=count))
                    kept.add(top, ~there)
                yield top, inside, there
        if reads_missing:
            self._missing = kept


def coverage_of(scene: Scene, width: int, height: int, pixels: PixelOptions) -> Coverage:
    """The coverage of a scene; nothing but headers is read.

    Args:
        scene: The scene, with its region where its source has regions.
        width: Width of the upright image, in pixels.
        height: Height of the upright image, in pixels.
        pixels: How the image is read.

    Raises:
        ImageError: If the image or the mask of its region cannot be read.
    """
    region, issues = scene.region, []
    if region is not None:
        try:
            with region.placed(scene.georeference, width, height):
                pass
        except GeoreferenceError as error:
            detail = f"{error}: the whole scene is used"
            issues.append(Issue(scene.id, NOT_USED, detail, set_aside=False))
            region = None
    declares = declares_missing(scene.path, pixels)
    identity = _identity(scene.path, declares, region)
    return Coverage(scene, pixels, width, height, declares, region, identity, tuple(issues))


def _identity(path: Path, declares: bool, region: Region | None) -> str:
    if not declares and region is None:
        return ""
    beside = path.with_name(f"{path.name}.msk")
    mask = sha256_of(beside) if declares and beside.is_file() else ""
    word = f"{declares} {mask} {region.digest if region else ''}"
    return hashlib.sha256(word.encode()).hexdigest()[:16]
