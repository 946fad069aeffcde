"""Outlines of predicted masks, each decoded within its own box."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from utils.geometry import BoolArray, FloatArray

_ENLARGED = 4  # a prototype has a quarter of the resolution of the network's input


@dataclass(frozen=True, slots=True)
class Letterbox:
    """The place of an image in the network's square input.

    Attributes:
        scale: Pixels of the input per pixel of the image, across and down.
        left: Padding to the left of the image, in pixels of the input.
        top: Padding above it.
    """

    scale: tuple[float, float]
    left: int
    top: int

    @classmethod
    def of(cls, width: int, height: int, side: int) -> Self:
        """The place of an image of `width` × `height` pixels, as ultralytics computes it."""
        ratio = min(side / width, side / height)
        inner = round(width * ratio), round(height * ratio)
        left, top = (round((side - length) / 2 - 0.1) for length in inner)
        return cls((inner[0] / width, inner[1] / height), left, top)


def mask_in_box(
    logits: NDArray[np.float32], box: FloatArray, size: tuple[int, int], place: Letterbox
) -> tuple[BoolArray, tuple[int, int]]:
    """The mask of an object at the resolution of the image, within its box.

    Args:
        logits: Logits of the mask over the network's input at prototype resolution, shape (h, w).
        box: Box of the object (xyxy), in pixels of the image.
        size: Width and height of the image, in pixels.
        place: Place of the image in the network's input.

    Returns:
        The mask and the place of its top left pixel (x, y).
    """
    import cv2

    x1, y1 = np.clip(np.round(box[:2]), 0, size).astype(int).tolist()
    x2, y2 = np.clip(np.round(box[2:]), 0, size).astype(int).tolist()
    if x2 <= x1 or y2 <= y1:
        return np.zeros((0, 0), dtype=np.bool_), (x1, y1)
    (across, down), padding = place.scale, (place.left, place.top)
    # The centre of pixel x of the image lies at (x + 0.5) · scale + padding in the input, and a
    # quarter of that in the prototype, whose own pixels have their centres at halves too.
    where = np.array(
        [
            [across / _ENLARGED, 0, ((x1 + 0.5) * across + padding[0]) / _ENLARGED - 0.5],
            [0, down / _ENLARGED, ((y1 + 0.5) * down + padding[1]) / _ENLARGED - 0.5],
        ]
    )
    values = cv2.warpAffine(
        logits,
        where,
        (x2 - x1, y2 - y1),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return np.asarray(values > 0), (x1, y1)


def outline_of(mask: BoolArray, corner: tuple[int, int], tolerance: float) -> Any:
    """The outline of a mask along the edges of its pixels, with holes and parts.

    Args:
        mask: Shape (height, width).
        corner: Place of its top left pixel (x, y).
        tolerance: Distance by which the outline may be simplified, in pixels, as `simplified` does;
            0 keeps every corner of the pixels.

    Returns:
        A polygon or multipolygon; an empty polygon for an empty mask.
    """
    import shapely
    from affine import Affine
    from rasterio.features import shapes

    if not mask.any():
        return shapely.Polygon()
    # GDAL warns of a place at the origin, which a corner at half a pixel never is.
    place = Affine.translation(corner[0] + 0.5, corner[1] + 0.5)
    found = shapes(mask.astype(np.uint8), mask=mask, connectivity=4, transform=place)
    parts = [
        shapely.Polygon(geometry["coordinates"][0], geometry["coordinates"][1:])
        for geometry, _ in found
    ]
    whole = parts[0] if len(parts) == 1 else shapely.MultiPolygon(parts)
    return simplified(shapely.transform(whole, lambda points: points - 0.5), tolerance)


def simplified(outline: Any, tolerance: float) -> Any:
    """An outline of whole pixels with fewer points: no staircases.

    Its line passes through the middles of the pixels' edges, at most 0.36 pixels beside the
    corners, and is then simplified by at most `tolerance` pixels. A part or a hole stays one,
    however small.
    """
    import shapely

    if tolerance <= 0 or outline.is_empty:
        return outline
    smooth = _through_middles(shapely.segmentize(outline, 1.0))
    simple = shapely.simplify(smooth, tolerance, preserve_topology=True)
    return simple if simple.is_valid and not simple.is_empty else smooth


def _through_middles(outline: Any) -> Any:
    """An outline with the middles of its edges as corners."""
    import shapely

    def middles(ring: Any) -> FloatArray:
        points = shapely.get_coordinates(ring)
        return np.asarray((points[:-1] + points[1:]) / 2)

    parts = [
        shapely.Polygon(middles(part.exterior), [middles(hole) for hole in part.interiors])
        for part in shapely.get_parts(outline)
    ]
    return parts[0] if len(parts) == 1 else shapely.MultiPolygon(parts)
