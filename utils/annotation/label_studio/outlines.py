"""Outlines that people drew in Label Studio, brought to the kind of the project."""

from __future__ import annotations

from typing import Any

import numpy as np

from utils.annotation.label_studio.problems import LostRegionError, Note
from utils.labels.label_studio_regions import Region
from utils.labels.label_studio_shapes import UnreadableShapeError, is_rectangle, outline_of
from utils.shapes.cleaning import outline_problems, reach_beyond, without_crossings
from utils.shapes.outlines import as_outlines, least_rectangles, parts_inside
from utils.shapes.shapes import ShapeKind

_SLACK_PIXELS = 1.0  # the canvas of the browser rounds
_SLACK_AREA = 1.0  # square pixels


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
    if not kind.is_oriented and is_rectangle(region.value):
        detail = "is a rectangle, which cannot become a polygon: draw the outline in its place"
        raise LostRegionError("rectangle in a project of polygons", detail, spoils_tile=True)
    outline = _mended(drawn, note)
    for _, problem in outline_problems(as_outlines([outline]), width, height):
        raise LostRegionError(f"unusable {kind.singular}", problem)
    if not kind.is_oriented:
        return _inside(outline, width, height, note)
    if is_rectangle(region.value):
        return outline
    note(
        "shape became an oriented box", f"is of type {region.kinds[0]}; its least rectangle counts"
    )
    return least_rectangles(as_outlines([outline]))[0]


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
