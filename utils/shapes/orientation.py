"""The directions of shapes: where the long side of each points."""

from __future__ import annotations

import numpy as np

from utils.geometry import FloatArray
from utils.shapes.outlines import Outlines, angles_of, corners_of, least_rectangles

# The long side of a shape that is nearly a square is a matter of chance.
LEAST_RATIO = 1.2


def long_sides(outlines: Outlines) -> tuple[FloatArray, FloatArray]:
    """Directions and elongation of oriented boxes.

    Args:
        outlines: Oriented boxes, shape (n,).

    Returns:
        Directions of the long sides, degrees clockwise from the x axis; and the ratios of the long
        to the short sides, at least 1; shape (n,) each.
    """
    corners = corners_of(outlines)
    sides = np.linalg.norm(corners[:, 1:3] - corners[:, 0:2], axis=2)
    turn = np.where(sides[:, 0] >= sides[:, 1], 0, 90)
    ratios = sides.max(axis=1, initial=1e-9) / np.maximum(sides.min(axis=1, initial=np.inf), 1e-9)
    return angles_of(corners) + turn, ratios


def long_directions(outlines: Outlines) -> FloatArray:
    """Directions of the long sides of shapes, in degrees, in [0, 180), shape (m,), m <= n.

    Shapes whose rectangle of least area is nearly a square (sides within a factor of 1.2) are left
    out.
    """
    directions, ratios = long_sides(least_rectangles(outlines))
    return np.asarray(directions[ratios >= LEAST_RATIO] % 180)
