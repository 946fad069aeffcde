"""Boxes, oriented boxes and outlines told apart, in a file that labels many images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from utils.labels.objects import ImageLabels, LabelledObject
from utils.shapes.outlines import polygon_of
from utils.shapes.shapes import ShapeKind

_CORNERS = 4
_SAME_AREA = 1e-3


def settle_rectangles(images: Sequence[ImageLabels]) -> None:
    """Decide, for all images of one file, what rectangles are.

    Where every outline is an upright rectangle, the tool has written boxes as outlines, and they
    are boxes. Where some boxes are turned, the tool can turn them, and the others are oriented
    boxes that lie straight.
    """
    objects = [found for labels in images for found in labels.objects]
    outlines = [found for found in objects if _is_polygon(found)]
    are_boxes = bool(outlines) and all(map(_is_box, outlines))
    can_turn = any(found.kind.is_oriented for found in objects)
    for labels in images if are_boxes or can_turn else ():
        labels.objects = [_settled(found, are_boxes, can_turn) for found in labels.objects]


def _settled(found: LabelledObject, are_boxes: bool, can_turn: bool) -> LabelledObject:
    if _is_polygon(found) and are_boxes:
        found = replace(found, shape="box", outline=None, kind=ShapeKind.DETECT)
    if found.kind.is_upright and found.shape == "box" and can_turn:
        x1, y1, x2, y2 = found.xyxy
        outline = polygon_of([(x1, y1), (x2, y1), (x2, y2), (x1, y2)])
        found = replace(found, outline=outline, kind=ShapeKind.OBB)
    return found


def _is_polygon(found: LabelledObject) -> bool:
    return found.kind.has_outlines and not found.kind.is_oriented


def _is_box(found: LabelledObject) -> bool:
    """Whether an outline of four corners is its own hull."""
    import shapely

    if found.outline is None or found.shape != "outline":
        return False
    x1, y1, x2, y2 = found.xyxy
    area = (x2 - x1) * (y2 - y1)
    is_short = shapely.get_num_coordinates(found.outline) == _CORNERS + 1
    return is_short and bool(abs(found.outline.area / area - 1) < _SAME_AREA)
