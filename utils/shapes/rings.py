"""Outlines as one ring each, as formats need them that know neither holes nor parts."""

from __future__ import annotations

from typing import Any

import numpy as np

from utils.geometry import FloatArray


def single_ring(outline: Any) -> FloatArray:
    """The rings of an outline joined into one by bridges without a width.

    A raster library that fills by the even-odd rule, as OpenCV's `fillPoly` does, fills the parts
    and leaves the holes out. It paints a bridge as a line, one pixel wide.

    Args:
        outline: A polygon or multipolygon, not empty.

    Returns:
        The points, shape (n, 2); the last one is joined to the first.
    """
    parts = outline.geoms if outline.geom_type == "MultiPolygon" else [outline]
    rings = [ring for part in parts for ring in (part.exterior, *part.interiors)]
    joined = _points(rings[0])
    for ring in rings[1:]:
        joined = _joined(joined, _points(ring))
    return joined


def _points(ring: Any) -> FloatArray:
    """The points of a closed ring, the first of them once, shape (n, 2)."""
    return np.asarray(ring.coords, dtype=np.float64)[:-1, :2]


def _joined(one: FloatArray, other: FloatArray) -> FloatArray:
    """Insert the other ring where both are nearest: there, around it, and back."""
    import shapely

    bridge = shapely.get_coordinates(
        shapely.shortest_line(shapely.MultiPoint(one), shapely.MultiPoint(other))
    )
    here = int(np.abs(one - bridge[0]).sum(axis=1).argmin())
    there = int(np.abs(other - bridge[1]).sum(axis=1).argmin())
    around = np.vstack([other[there:], other[: there + 1]])
    return np.vstack([one[: here + 1], around, one[here:]])
