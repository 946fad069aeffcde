"""Ships: their kinds, sizes and hulls, and the boxes around them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from harbour.canvas import FloatArray, patch_mask
from harbour.frames import Frame

Kind = Literal["container", "bulk", "tanker", "ferry", "workboat", "yacht"]

LENGTHS: dict[Kind, tuple[float, float]] = {
    "container": (56, 90),
    "bulk": (48, 86),
    "tanker": (46, 88),
    "ferry": (34, 72),
    "workboat": (22, 38),
    "yacht": (14, 28),
}
"""The shortest and the longest ship of each kind, in pixels."""

_BEAMS: dict[Kind, float] = {
    "container": 0.16,
    "bulk": 0.17,
    "tanker": 0.18,
    "ferry": 0.2,
    "workboat": 0.3,
    "yacht": 0.32,
}
_USUAL_BOW_SHARE = 0.22
_BOW_SHARES: dict[Kind, float] = {"workboat": 0.42, "yacht": 0.55, "ferry": 0.3}


@dataclass(frozen=True, slots=True)
class Ship:
    """A ship and where it lies.

    Attributes:
        kind: Kind of ship, which decides its looks.
        frame: Its middle; x points to the bow.
        length: In pixels.
    """

    kind: Kind
    frame: Frame
    length: float

    @property
    def beam(self) -> float:
        """The width of the hull in pixels."""
        return beam_of(self.kind, self.length)

    def outline(self, margin: float = 0.0) -> FloatArray:
        """The hull as a polygon in the image, shape (n, 2), grown by `margin` pixels."""
        length, beam = self.length + 2 * margin, self.beam + 2 * margin
        return self.frame.to_image(hull_outline(self.kind, length, beam))

    def rectangle(self) -> FloatArray:
        """The corners of the rectangle around the hull, shape (4, 2), stern to bow first."""
        x, y = self.length / 2, self.beam / 2
        return self.frame.rectangle(-x, -y, x, y)


def beam_of(kind: Kind, length: float) -> float:
    """The width of a hull in pixels."""
    return _BEAMS[kind] * length


def visible_box(ship: Ship, shape: tuple[int, ...]) -> FloatArray:
    """The tight box (xyxy) around a hull's pixels in an image of `shape` (height, width, ...)."""
    (rows, columns), mask = patch_mask(shape, ship.outline())
    covered = mask > 127
    down, across = np.flatnonzero(covered.any(axis=1)), np.flatnonzero(covered.any(axis=0))
    top, left = rows.start, columns.start
    return np.array(
        [left + across[0], top + down[0], left + across[-1] + 1, top + down[-1] + 1], dtype=float
    )


def hull_outline(kind: Kind, length: float, beam: float) -> FloatArray:
    """A hull in its own frame, shape (n, 2): square stern, straight sides, curved bow."""
    bow_share = _BOW_SHARES.get(kind, _USUAL_BOW_SHARE)
    along = np.linspace(0, 1, 9)
    bow_x = length / 2 - bow_share * length * (1 - along)
    bow_y = beam / 2 * np.sqrt(1 - along**2.2)
    stern = [(-length / 2, 0.36 * beam), (-length / 2 + 0.06 * length, beam / 2)]
    starboard = np.vstack([stern, np.column_stack([bow_x, bow_y])])
    port = starboard[::-1] * [1, -1]
    return np.vstack([starboard, port[1:]])
