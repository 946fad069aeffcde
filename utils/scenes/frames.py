"""The size that a label file states against that of its image: equal, turned, resized, or wrong."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from utils.errors import ImageError
from utils.geometry import FloatArray
from utils.images.files import image_facts
from utils.images.options import PixelOptions
from utils.images.orientation import SIDEWAYS
from utils.labels.objects import SHARES, Hull, ImageLabels, Size, are_shares

IN_SHARES = "labels in shares of the image"
STORED_FRAME = "labels in the stored frame"
RESIZED = "labels of a resized image"
OTHER_SIZE = "label file states another size"
TURNED = "labels of a turned image taken for upright"
_OF_ANY_SIZE = PixelOptions(max_pixels=sys.maxsize)
_SLACK_PX = 2  # as rounding leaves it
_SLACK_SHARE = 0.01
_FAR_BEYOND = 1.2  # boxes drawn over an edge reach less far


@dataclass(frozen=True, slots=True)
class ImageFrame:
    """An image as its header describes it.

    Attributes:
        size: Width and height of the upright image, in pixels.
        orientation: EXIF orientation, 1 (upright) to 8.
    """

    size: Size
    orientation: int = 1


@dataclass(frozen=True, slots=True)
class FrameRule:
    """How the coordinates of a label file become pixels of the upright image.

    Attributes:
        stated: Width and height of the frame they refer to.
        turn: EXIF orientation by which they are turned first, 1 for none.
        kind: Kind of the notice about it; None if there is nothing to report.
        usable: Whether the result can be trusted.
    """

    stated: Size
    turn: int = 1
    kind: str | None = None
    usable: bool = True


def image_frame(path: Path) -> ImageFrame:
    """The frame of an image, from its header alone.

    Raises:
        ImageError: If it cannot be read.
    """
    facts = image_facts(path, _OF_ANY_SIZE)
    return ImageFrame(facts.size, facts.orientation)


def frame_if_readable(path: Path) -> ImageFrame | None:
    """The frame of an image; None where it cannot be read, which is reported when it is decoded."""
    try:
        return image_frame(path)
    except ImageError:
        return None


def frame_rule(labels: ImageLabels, image: ImageFrame, *, shares_possible: bool) -> FrameRule:
    """Decide how the coordinates of an image's labels relate to its pixels.

    Args:
        labels: As the label file has them.
        image: The image they belong to.
        shares_possible: Whether coordinates between 0 and 1 are shares of the image.
    """
    if labels.frame == SHARES:
        return FrameRule(SHARES)
    hulls = [found.xyxy for found in labels.objects]
    if shares_possible and are_shares(hulls):
        return FrameRule(SHARES, kind=IN_SHARES)
    stated = labels.frame
    if stated is None or stated == image.size:
        return FrameRule(image.size)
    if stated == image.size[::-1]:
        return _turned_rule(hulls, image)
    if _differ_by_rounding(stated, image.size):
        return FrameRule(image.size, kind=OTHER_SIZE)
    ratios = image.size[0] / stated[0], image.size[1] / stated[1]
    if abs(ratios[0] / ratios[1] - 1) <= _SLACK_SHARE or _rounds_to(stated, image.size):
        if _exceed(hulls, stated) and _all_fit(hulls, image.size):
            return FrameRule(image.size, kind=OTHER_SIZE)
        return FrameRule(stated, kind=RESIZED)
    return FrameRule(image.size, kind=OTHER_SIZE, usable=False)


def is_turn_unknown(labels: ImageLabels, image: ImageFrame) -> bool:
    """Whether nothing says if labels are of the image as it is stored or as it is shown."""
    if image.orientation == 1 or labels.frame == SHARES:
        return False
    is_square = image.size[0] == image.size[1]
    return image.orientation not in SIDEWAYS or is_square or labels.frame is None


def _turned_rule(hulls: list[Hull], image: ImageFrame) -> FrameRule:
    """The rule for a file that states the image's height as width, and the reverse."""
    stored = image.size[::-1]
    if image.orientation in SIDEWAYS:
        return FrameRule(stored, turn=image.orientation, kind=STORED_FRAME)
    # Width and height are exchanged, or the image was turned after it was labelled.
    fit_image, fit_stated = _all_fit(hulls, image.size), _all_fit(hulls, stored)
    return FrameRule(image.size, kind=OTHER_SIZE, usable=fit_image or not fit_stated)


def _all_fit(hulls: list[Hull], size: Size) -> bool:
    return all(x2 <= size[0] + 1 and y2 <= size[1] + 1 for _, _, x2, y2 in hulls)


def _exceed(hulls: list[Hull], size: Size) -> bool:
    """Whether labels reach so far beyond a size that it is not that of their frame."""
    return any(x2 > size[0] * _FAR_BEYOND or y2 > size[1] * _FAR_BEYOND for _, _, x2, y2 in hulls)


def _differ_by_rounding(stated: Size, size: Size) -> bool:
    return all(abs(a - b) <= _SLACK_PX for a, b in zip(stated, size, strict=True))


def _rounds_to(stated: Size, size: Size) -> bool:
    """Whether one size is the other resized, but for the rounding of a small image."""
    by_width = stated[1] * size[0] / stated[0]
    by_height = stated[0] * size[1] / stated[1]
    return abs(by_width - size[1]) <= 1 or abs(by_height - size[0]) <= 1


def in_pixels(hull: Hull, rule: FrameRule, size: Size) -> Hull:
    """A hull in pixels of the upright image.

    Args:
        hull: In the frame that the rule states.
        rule: As `frame_rule` gives it.
        size: Width and height of the upright image.
    """
    frame = rule.stated
    if rule.turn != 1:
        hull, frame = _turned(hull, rule.stated, rule.turn), rule.stated[::-1]
    across, down = size[0] / frame[0], size[1] / frame[1]
    return hull[0] * across, hull[1] * down, hull[2] * across, hull[3] * down


def _turned(hull: Hull, stored: Size, turn: int) -> Hull:
    """A hull of the stored image in the upright one, for an orientation that exchanges sides."""
    x1, y1, x2, y2 = hull
    width, height = stored
    if turn in (6, 7):  # the left of the upright image is the bottom of the stored one
        y1, y2 = height - y2, height - y1
    if turn in (7, 8):  # its top is the right
        x1, x2 = width - x2, width - x1
    return y1, x1, y2, x2


def outline_in_pixels(outline: Any, rule: FrameRule, size: Size) -> Any:
    """An outline in pixels of the upright image; as `in_pixels`."""
    import shapely

    frame = rule.stated if rule.turn == 1 else rule.stated[::-1]
    factors = np.array(size) / frame

    def placed(points: FloatArray) -> FloatArray:
        return np.asarray(_turned_points(points, rule.stated, rule.turn) * factors)

    return (
        outline
        if factors.tolist() == [1, 1] and rule.turn == 1
        else shapely.transform(outline, placed)
    )


def _turned_points(points: FloatArray, stored: Size, turn: int) -> FloatArray:
    """Points of the stored image, shape (n, 2), in the upright one; as `_turned`."""
    if turn == 1:
        return points
    x, y = points.T
    width, height = stored
    if turn in (6, 7):
        y = height - y
    if turn in (7, 8):
        x = width - x
    return np.column_stack([y, x])
