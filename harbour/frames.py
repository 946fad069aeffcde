"""Places with a direction: coordinate systems laid into the image."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from harbour.canvas import FloatArray


@dataclass(frozen=True, slots=True)
class Frame:
    """A coordinate system laid into the image: an origin and the direction of its x axis.

    Attributes:
        x: X of the origin, in pixels.
        y: Y of the origin, in pixels.
        angle: Angle of the x axis in radians, clockwise on the screen. The y axis is a quarter turn
            further.
    """

    x: float
    y: float
    angle: float

    def to_image(self, points: ArrayLike) -> FloatArray:
        """Points of shape (n, 2) from this frame to the image, in pixels."""
        cos, sin = np.cos(self.angle), np.sin(self.angle)
        turn = np.array([[cos, sin], [-sin, cos]])
        turned: FloatArray = np.asarray(points, dtype=np.float64).reshape(-1, 2) @ turn
        turned += [self.x, self.y]
        return turned

    def rectangle(self, left: float, top: float, right: float, bottom: float) -> FloatArray:
        """The corners in the image, shape (4, 2), of a rectangle given in this frame."""
        return self.to_image([(left, top), (right, top), (right, bottom), (left, bottom)])

    def moved(self, x: float, y: float, turn: float = 0.0) -> Frame:
        """The frame whose origin is at (x, y) of this one, turned by `turn` radians."""
        ((image_x, image_y),) = self.to_image([(x, y)])
        return Frame(float(image_x), float(image_y), self.angle + turn)
