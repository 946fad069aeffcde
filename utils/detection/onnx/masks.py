"""Outlines of predicted masks, each decoded within its own box.

A network predicts logits, whose line of 0 passes between pixels. A painted mask is coarser: its
outline follows the edges of pixels (`utils.shapes.masks`).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from utils.detection.onnx.letterbox import Letterbox
from utils.geometry import FloatArray
from utils.shapes.outlines import Outlines

_MOST_OF_SIDE = 0.05  # of a square as large as the object, by which its outline is simplified
# A network that has hardly learned makes patterns of a thousand specks: nobody can review them.
_MOST_PARTS = 10
_ENLARGED = 4  # a prototype has a quarter of the resolution of the network's input


@dataclass(frozen=True, slots=True)
class LogitsInBox:
    """The logits of a mask within the box of its object, at the resolution of the image.

    Attributes:
        values: Logits, float32 of shape (rows, columns); pixels of the mask are above 0.
        corner: Place of the top left pixel (x, y).
    """

    values: NDArray[np.float32]
    corner: tuple[int, int]


def logits_in_box(
    coefficients: NDArray[np.float32],
    prototypes: NDArray[np.float32],
    box: FloatArray,
    size: tuple[int, int],
    place: Letterbox,
) -> LogitsInBox:
    """Decode the mask of an object within its box only.

    Args:
        coefficients: Coefficients of the mask, shape (c,).
        prototypes: Masks over the network's input that they combine, shape (c, h, w).
        box: Box of the object (xyxy), in pixels of the image.
        size: Width and height of the image, in pixels.
        place: Place of the image in the network's input.
    """
    x1, y1 = np.clip(np.round(box[:2]), 0, size).astype(int).tolist()
    x2, y2 = np.clip(np.round(box[2:]), 0, size).astype(int).tolist()
    if x2 <= x1 or y2 <= y1:
        return LogitsInBox(np.zeros((0, 0), dtype=np.float32), (x1, y1))
    # The centre of pixel x of the image lies at (x + 0.5) · scale + padding in the input, and at a
    # quarter of that in a prototype, whose own pixels have their centres at halves too.
    scale = np.array(place.scale) / _ENLARGED
    padding = np.array([place.left, place.top]) / _ENLARGED
    first = (np.array([x1, y1]) + 0.5) * scale + padding - 0.5
    last = (np.array([x2, y2]) - 0.5) * scale + padding - 0.5
    height, width = prototypes.shape[1:]
    left, top = np.clip(np.floor(first), 0, [width - 1, height - 1]).astype(int)
    right, bottom = np.clip(np.ceil(last) + 1, [left + 1, top + 1], [width, height]).astype(int)
    coarse = np.tensordot(coefficients, prototypes[:, top:bottom, left:right], axes=1)
    xs = (np.arange(x2 - x1) * scale[0] + (first[0] - left)).astype(np.float32)
    ys = (np.arange(y2 - y1) * scale[1] + (first[1] - top)).astype(np.float32)
    values = _interpolated(_interpolated(coarse, xs).T, ys).T
    return LogitsInBox(values, (x1, y1))


def _interpolated(values: NDArray[np.float32], places: NDArray[np.float32]) -> NDArray[np.float32]:
    """Values of shape (rows, columns) between their columns; the outermost go on outside."""
    last = values.shape[1] - 1
    bounded = np.clip(places, 0, last)
    left = np.minimum(bounded.astype(np.intp), max(last - 1, 0))
    right = np.minimum(left + 1, last)
    share = bounded - left.astype(np.float32)
    return np.asarray(values[:, left] * (1 - share) + values[:, right] * share, dtype=np.float32)


def outline_of(logits: LogitsInBox, tolerance: float) -> Any:
    """The outline of a mask, with holes and its ten largest parts: the line of logits of 0.

    Between the centres of pixels the logits are linear; where the mask reaches the border of its
    box, the outline follows the edges of the pixels.

    Args:
        logits: Logits within the box.
        tolerance: Distance by which the outline may be simplified, in pixels; it is smaller for
            objects of less than 10 by 10 pixels, which would lose much of their area.

    Returns:
        A polygon or multipolygon; an empty polygon for an empty mask.
    """
    import shapely

    pixels = int((logits.values > 0).sum())
    if not pixels:
        return shapely.Polygon()
    parts = _largest(_parts(logits))
    tolerance = min(tolerance, _MOST_OF_SIDE * pixels**0.5)
    simple = _simplified(parts, tolerance)
    if not shapely.is_valid(whole := _joined(simple)):
        whole = shapely.simplify(_joined(parts), tolerance)
    return whole if whole.is_valid else _joined(parts)


def _simplified(parts: Outlines, tolerance: float) -> Outlines:
    """Simplify each part; the way that keeps its topology is slow, and seldom needed."""
    import shapely

    simple = np.asarray(shapely.simplify(parts, tolerance, preserve_topology=False))
    holes = shapely.get_num_interior_rings(simple)  # 0 for what is no polygon
    lost = shapely.is_empty(simple) | (holes != shapely.get_num_interior_rings(parts))
    lost |= shapely.get_type_id(simple) != shapely.GeometryType.POLYGON
    simple[lost] = shapely.simplify(parts[lost], tolerance)
    return simple


def _largest(parts: Outlines) -> Outlines:
    """The largest parts, as many as an outline may have, in the order that they had."""
    import shapely

    if len(parts) <= _MOST_PARTS:
        return parts
    return parts[np.sort(np.argsort(-shapely.area(parts), kind="stable")[:_MOST_PARTS])]


def _joined(parts: Outlines) -> Any:
    import shapely

    return parts[0] if len(parts) == 1 else shapely.MultiPolygon(list(parts))


def _parts(logits: LogitsInBox) -> Outlines:
    """The parts of a mask that is not empty, each with its holes."""
    import shapely
    from contourpy import FillType, contour_generator

    # The mirrored value outside the box puts the line half way, on the edge of the pixel. A value
    # of exactly 0 would make a line without an area.
    values = np.where(logits.values == 0, -1e-6, logits.values)
    padded = np.pad(values, 1, mode="edge").astype(np.float64)
    border = np.ones(padded.shape, dtype=np.bool_)
    border[1:-1, 1:-1] = False
    padded[border] = -np.abs(padded[border])
    generator = contour_generator(z=padded, name="serial", fill_type=FillType.OuterOffset)
    filled: Any = generator.filled(0.0, float(padded.max()) + 1.0)
    points, offsets = filled
    lengths = np.concatenate([np.diff(part) for part in offsets])
    # The first point of the padded array is the centre of the pixel beside the corner.
    places = np.vstack(points) + logits.corner - 0.5
    rings = shapely.linearrings(places, indices=np.repeat(np.arange(len(lengths)), lengths))
    first = np.cumsum([0, *(len(part) - 1 for part in offsets)])
    parts = np.empty(len(offsets), dtype=object)
    parts[:] = [
        shapely.polygons(rings[begin], holes=rings[begin + 1 : end])
        for begin, end in pairwise(first)
    ]
    return parts
