"""The regions of a source: the parts of its scenes to use, or to leave out."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from utils.files import sha256_of
from utils.geometry import BoolArray, FloatArray
from utils.images.georeference import Georeference
from utils.scenes.region_files import RegionPolygons
from utils.scenes.region_masks import placed_mask
from utils.scenes.region_polygons import PixelPolygons, in_pixels

Side = Literal["inside", "outside"]


class PlacedRegion(Protocol):
    """A region in pixels of an upright scene."""

    def rows(self, top: int, count: int) -> BoolArray:
        """Mask of some rows, true where a pixel belongs to it, shape (count, width)."""

    def at(self, columns: FloatArray, rows: FloatArray) -> BoolArray:
        """Whether pixels belong to it, shape (n,)."""


@dataclass(frozen=True, slots=True, eq=False)
class Region:
    """The part of a scene to use.

    Attributes:
        shape: Polygons, or the file of a mask.
        side: Whether the inside or the outside of the shape is used.
        digest: Changes when the shape or the side does.
    """

    shape: RegionPolygons | Path
    side: Side
    digest: str

    @contextmanager
    def placed(
        self, georeference: Georeference | None, width: int, height: int
    ) -> Iterator[PlacedRegion]:
        """Open it over a scene.

        Args:
            georeference: Place of the scene.
            width: Width of the upright scene, in pixels.
            height: Height of the upright scene, in pixels.

        Raises:
            GeoreferenceError: If it has no place in this scene.
            ImageError: If a mask cannot be read.
        """
        if isinstance(self.shape, Path):
            with placed_mask(self.shape, georeference, width, height) as mask:
                yield mask if self.side == "inside" else _Outside(mask)
        else:
            geometry = in_pixels(self.shape, georeference, width, height)
            polygons = PixelPolygons(geometry, width)
            yield polygons if self.side == "inside" else _Outside(polygons)


@dataclass(frozen=True, slots=True)
class _Outside:
    """All that does not belong to a region."""

    region: PlacedRegion

    def rows(self, top: int, count: int) -> BoolArray:
        return ~self.region.rows(top, count)

    def at(self, columns: FloatArray, rows: FloatArray) -> BoolArray:
        return ~self.region.at(columns, rows)


def region(shape: RegionPolygons | Path, side: Side) -> Region:
    """A region from what was read, with the digest of its file."""
    path = shape if isinstance(shape, Path) else shape.path
    crs = None if isinstance(shape, Path) else shape.crs
    word = f"{sha256_of(path)} {side} {crs}"
    return Region(shape, side, hashlib.sha256(word.encode()).hexdigest()[:16])
