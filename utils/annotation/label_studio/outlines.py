"""Outlines between Spyglass and Label Studio: those that people drew, and those that are sent."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from utils.annotation.label_studio.problems import LostRegionError, Note
from utils.geometry import FloatArray
from utils.labels.label_studio_outlines import outline_of
from utils.labels.label_studio_shapes import Region, UnreadableShapeError, is_rectangle
from utils.shapes.outlines import (
    Outlines,
    areas_of,
    as_outlines,
    bounds_of,
    least_rectangles,
    parts_inside,
    polygonal,
)
from utils.shapes.pairing import IntArray
from utils.shapes.shapes import ShapeKind

_SLACK_PIXELS = 1.0  # the canvas of the browser rounds
_SLACK_AREA = 1.0  # square pixels


def outline_problems(outlines: Outlines, width: float, height: float) -> Iterator[tuple[int, str]]:
    """Yield the index of each outline that cannot be used in an image, and why.

    Args:
        outlines: In pixels, shape (n,).
        width: Width of the image, in pixels.
        height: Height of the image, in pixels.
    """
    import shapely

    points, index = shapely.get_coordinates(outlines, return_index=True)
    unknown = set(index[~np.isfinite(points).all(axis=1)].tolist())
    are_valid, areas = shapely.is_valid(outlines), areas_of(outlines)
    reaches = reach_beyond(bounds_of(outlines), width, height) > 0
    for position in np.flatnonzero(~are_valid | ~(areas > 0) | reaches).tolist():
        if position in unknown:
            yield position, "has coordinates that are no numbers"
        elif not areas[position] > 0:
            yield position, "has no area"
        elif not are_valid[position]:
            yield position, "crosses itself"
        elif not parts_inside(outlines[position : position + 1], (0, 0, width, height))[0].area > 0:
            yield position, "lies outside the tile"


def without_crossings(outlines: Outlines) -> tuple[Outlines, IntArray]:
    """The outlines, those that cross themselves as the parts they enclose.

    Args:
        outlines: In pixels, shape (n,).

    Returns:
        The outlines, and the indices of those that were mended; outlines without an area, or
        with coordinates that are no numbers, stay as they are.
    """
    import shapely

    points, index = shapely.get_coordinates(outlines, return_index=True)
    is_known = np.ones(len(outlines), dtype=np.bool_)
    is_known[index[~np.isfinite(points).all(axis=1)]] = False
    crossing = np.flatnonzero(is_known & ~shapely.is_valid(outlines))
    if not len(crossing):
        return outlines, crossing
    enclosed = polygonal(shapely.make_valid(outlines[crossing]))
    has_area = areas_of(enclosed) > 0
    outlines = outlines.copy()
    outlines[crossing[has_area]] = enclosed[has_area]
    return outlines, crossing[has_area]


def reach_beyond(xyxy: FloatArray, width: float, height: float) -> FloatArray:
    """How far hulls reach over the edges of an image, in pixels, shape (n,)."""
    beyond = np.hstack([-xyxy[:, :2], xyxy[:, 2:] - [width, height]])
    return np.asarray(beyond.max(axis=1, initial=0))


def drawn_outline(
    region: Region, width: int, height: int, kind: ShapeKind, note: Note
) -> Any | None:
    """The outline of a region, brought to a kind, or None where it marks no object.

    Args:
        region: The region.
        width: Width of the tile, in pixels.
        height: Height of the tile, in pixels.
        kind: Oriented boxes or polygons.
        note: Receives the changes.

    Raises:
        LostRegionError: If it marks an object and cannot be used.
    """
    drawn = _read(region, width, height, note)
    if drawn is None:
        return None
    if kind == ShapeKind.SEGMENT and is_rectangle(region.value):
        detail = "is a rectangle, which cannot become a polygon: draw the outline in its place"
        raise LostRegionError("rectangle in a project of polygons", detail, spoils_tile=True)
    outline = _mended(drawn, note)
    for _, problem in outline_problems(as_outlines([outline]), width, height):
        raise LostRegionError(f"unusable {_singular(kind)}", problem)
    if kind == ShapeKind.SEGMENT:
        return _inside(outline, width, height, note)
    if is_rectangle(region.value):
        return outline
    note(
        "shape became an oriented box", f"is of type {region.kinds[0]}; its least rectangle counts"
    )
    return least_rectangles(as_outlines([outline]))[0]


def _singular(kind: ShapeKind) -> str:
    return "polygon" if kind == ShapeKind.SEGMENT else "oriented box"


def _read(region: Region, width: int, height: int, note: Note) -> Any | None:
    type_name = region.kinds[0]
    try:
        outline = outline_of(region.value, width, height, region.drawn_on)
    except UnreadableShapeError as error:
        detail = f"of type {type_name} is not read: {error}"
        raise LostRegionError("unusable shape", detail) from error
    if outline is None:
        if region.is_shape:
            raise LostRegionError("unknown shape", f"is of type {type_name}, which is not read")
        note("not a shape", f"is of type {type_name}, which marks no object")
    return outline


def _mended(outline: Any, note: Note) -> Any:
    """The outline without crossings; a crossing by rounding alone is no news."""
    (mended,), crossing = without_crossings(as_outlines([outline]))
    if len(crossing) and abs(mended.area - outline.area) > _SLACK_AREA:
        note("outline that crosses itself", "crosses itself; the parts it encloses count")
    return mended


def _inside(outline: Any, width: int, height: int, note: Note) -> Any:
    """The part of an outline inside the tile."""
    beyond = float(reach_beyond(np.array([outline.bounds]), width, height)[0])
    if not beyond:
        return outline
    if beyond > _SLACK_PIXELS:
        note("polygon beyond the tile", "reaches over the edge and was clipped")
    return parts_inside(as_outlines([outline]), (0, 0, width, height))[0]


def joined(parts: list[Any]) -> Any:
    """The parts of one object as one outline."""
    import shapely

    if len(parts) == 1:
        return parts[0]
    together = shapely.MultiPolygon(
        [polygon for part in parts for polygon in shapely.get_parts(part)]
    )
    return together if together.is_valid else polygonal(as_outlines([shapely.union_all(parts)]))[0]
