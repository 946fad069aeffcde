"""Outlines between Spyglass and Label Studio: those that people drew, and those that are sent."""

from __future__ import annotations

from typing import Any

import numpy as np

from utils.annotation.label_studio.problems import LostRegionError, Note
from utils.labels.label_studio_outlines import outline_of
from utils.labels.label_studio_shapes import Region, UnreadableShapeError, is_rectangle
from utils.shapes.outlines import as_outlines, least_rectangles, parts_inside, polygonal
from utils.shapes.shapes import ShapeKind

_SLACK_PIXELS = 1.0  # the canvas of the browser rounds
_SLACK_AREA = 1.0  # square pixels


def outline_problem(outline: Any, width: float, height: float) -> str | None:
    """Say why an outline cannot be used in an image, or return None.

    Args:
        outline: A shapely polygon or multipolygon, in pixels.
        width: Width of the image, in pixels.
        height: Height of the image, in pixels.
    """
    import shapely

    if not np.isfinite(shapely.get_coordinates(outline)).all():
        return "has coordinates that are no numbers"
    if not outline.is_valid:
        return "crosses itself"
    if not outline.area > 0:
        return "has no area"
    x1, y1, x2, y2 = outline.bounds
    is_inside = min(x1, y1) >= 0 and x2 <= width and y2 <= height
    if not (is_inside or shapely.intersection(outline, shapely.box(0, 0, width, height)).area > 0):
        return "lies outside the tile"
    return None


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
    problem = outline_problem(outline, width, height)
    if problem is not None:
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
    import shapely

    if outline.is_valid or not np.isfinite(shapely.get_coordinates(outline)).all():
        return outline
    mended = polygonal(as_outlines([shapely.make_valid(outline)]))[0]
    if abs(mended.area - outline.area) > _SLACK_AREA:
        note("outline that crosses itself", "crosses itself; the parts it encloses count")
    return mended


def _inside(outline: Any, width: int, height: int, note: Note) -> Any:
    """The part of an outline inside the tile."""
    x1, y1, x2, y2 = outline.bounds
    beyond = max(-x1, -y1, x2 - width, y2 - height)
    if beyond <= 0:
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
