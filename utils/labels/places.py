"""The places of labelled objects: boxes, oriented boxes and outlines, as label files give them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple, TypeGuard

from utils.labels.objects import Hull, coordinate, has_area
from utils.shapes.outlines import oriented_boxes, polygon_of, united
from utils.shapes.shapes import ShapeKind

Points = list[tuple[float, float]]

_FEWEST_POINTS = 3
_FEWEST_ELLIPSE_POINTS = 16
_MOST_ELLIPSE_POINTS = 2000  # reached by half axes of eighty thousand pixels
_INSIDE_ELLIPSE = 0.1  # pixels by which a side may lie inside the ellipse
_CORNERS = 4


class Place(NamedTuple):
    """The place of an object, in the order of the fields of `LabelledObject`.

    Attributes:
        xyxy: Hull.
        shape: Name of the shape, for people.
        outline: Polygon, or None for an upright box or where only the hull is known.
        kind: Kind of the shape.
    """

    xyxy: Hull
    shape: str = "box"
    outline: Any | None = None
    kind: ShapeKind = ShapeKind.DETECT


def hull_of(points: Iterable[tuple[float, float]]) -> Hull | None:
    """The hull of points; None where they are fewer than two or not all numbers."""
    found = list(points)
    if len(found) < 2 or not all(math.isfinite(v) for point in found for v in point):
        return None
    columns, rows = zip(*found, strict=True)
    return min(columns), min(rows), max(columns), max(rows)


def outlined(parts: Sequence[Points]) -> Place | None:
    """The place of an outline of one or several parts; None where its points are no hull.

    Parts of fewer than three points have no outline; where all are, the hull alone is known.
    """
    hull = hull_of(point for part in parts for point in part)
    if hull is None:
        return None
    polygons = [polygon_of(part) for part in parts if len(part) >= _FEWEST_POINTS]
    if not polygons or not has_area(hull):
        return Place(hull, "outline")
    return of_polygon(united(polygons), "outline", hull)


def of_polygon(polygon: Any, shape: str, hull: Hull | None = None) -> Place:
    """The place of a polygon or multipolygon."""
    x1, y1, x2, y2 = polygon.bounds
    return Place(hull or (x1, y1, x2, y2), shape, polygon, ShapeKind.SEGMENT)


def corners(points: Points) -> Place | None:
    """The place of an oriented box given by its four corners, which may be no rectangle."""
    hull = hull_of(points)
    if hull is None or len(points) != _CORNERS:
        return None
    return Place(hull, "rotated box", polygon_of(points), ShapeKind.OBB)


def turned(hull: Hull, degrees: float) -> Place:
    """The place of a box that is turned clockwise, as seen, about its centre."""
    x1, y1, x2, y2 = hull
    if not degrees % 360:
        return Place(hull)
    return centred((x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1, degrees)


def centred(x: float, y: float, width: float, height: float, degrees: float) -> Place:
    """The place of an oriented box given by its centre, its size and its angle, clockwise."""
    outline = oriented_boxes([(x, y)], [(width, height)], [degrees])[0]
    x1, y1, x2, y2 = outline.bounds
    if not degrees % 180:  # as exact as the file
        x1, y1, x2, y2 = upright(x, y, width, height)
    return Place((x1, y1, x2, y2), "rotated box", outline, ShapeKind.OBB)


def upright(x: float, y: float, width: float, height: float) -> Hull:
    """An upright box given by its centre and its size."""
    return x - width / 2, y - height / 2, x + width / 2, y + height / 2


def ellipse(x: float, y: float, rx: float, ry: float, degrees: float = 0.0) -> Place | None:
    """The place of an ellipse given by its centre and half axes, turned clockwise.

    Its outline has so many corners that no side is a tenth of a pixel inside the ellipse, and
    those farthest left, right, up and down.
    """
    if not (rx > 0 and ry > 0 and all(map(math.isfinite, (x, y, rx, ry, degrees)))):
        return None
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    right, down = math.atan2(-ry * sine, rx * cosine), math.atan2(ry * cosine, rx * sine)
    ends = [right, right + math.pi, down, down + math.pi]
    # A side over the angle a lies r (1 - cos(a / 2)), about r a² / 8, inside a circle.
    needed = math.pi / math.sqrt(2 * _INSIDE_ELLIPSE / max(rx, ry, 1))
    count = math.ceil(min(max(needed, _FEWEST_ELLIPSE_POINTS), _MOST_ELLIPSE_POINTS))
    turns = [2 * math.pi * step / count for step in range(count)]
    points = []
    for angle in sorted({turn % (2 * math.pi) for turn in (*turns, *ends)}):
        across, along = rx * math.cos(angle), ry * math.sin(angle)
        points.append((x + across * cosine - along * sine, y + across * sine + along * cosine))
    return of_polygon(polygon_of(points), "ellipse")


def segmentation(value: object) -> Place | None:
    """The place of COCO's polygons: a list of flat lists, one flat list, or lists of pairs."""
    parts = _parts(value)
    return outlined(parts) if parts else None


def _parts(value: object) -> list[Points] | None:
    """The parts of an outline; None where it is none."""
    while _is_list(value) and len(value) == 1 and _is_list(value[0]):
        value = value[0]
    if not _is_list(value) or not value:
        return None
    if _is_point(value[0]) or not _is_list(value[0]):
        points = _points(value)
        return None if points is None else [points]
    found = [_points(part) for part in value]
    return None if None in found else [part for part in found if part]


def _is_list(value: object) -> TypeGuard[Sequence[Any]]:
    return isinstance(value, Sequence) and not isinstance(value, str)


def _is_point(value: object) -> bool:
    if isinstance(value, Mapping):
        return "x" in value and "y" in value
    return _is_list(value) and len(value) == 2 and not any(map(_is_list, value))


def _points(values: object) -> Points | None:
    """The points of a flat list of numbers, of pairs, or of mappings; None for anything else."""
    if not _is_list(values):
        return None
    if all(map(_is_point, values)):
        return [_point(value) for value in values]
    numbers = [coordinate(value) for value in values]
    if len(numbers) % 2 or not all(map(math.isfinite, numbers)):
        return None
    return list(zip(numbers[::2], numbers[1::2], strict=True))


def _point(value: Any) -> tuple[float, float]:
    first, second = (value["x"], value["y"]) if isinstance(value, Mapping) else value
    return coordinate(first), coordinate(second)
