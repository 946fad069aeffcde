"""From the pixels of an upright image to those that its file stores, and back."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from utils.geometry import Window

Affine = tuple[float, float, float, float, float, float]
SIDEWAYS = range(5, 9)  # Exif 2.32, tag 0x0112: rows and columns are exchanged


def stored_place(orientation: int, width: int, height: int) -> Affine:
    """The affine transform (a, b, c, d, e, f) from upright to stored pixels.

    Args:
        orientation: As in Exif, 1 to 8.
        width: Width of the stored pixels.
        height: Height of the stored pixels.

    Returns:
        The stored column is `a * column + b * row + c`, the stored row `d * column + e * row + f`.
    """
    return {
        1: (1, 0, 0, 0, 1, 0),
        2: (-1, 0, width, 0, 1, 0),
        3: (-1, 0, width, 0, -1, height),
        4: (1, 0, 0, 0, -1, height),
        5: (0, 1, 0, 1, 0, 0),
        6: (0, 1, 0, -1, 0, height),
        7: (0, -1, width, -1, 0, height),
        8: (0, -1, width, 1, 0, 0),
    }[orientation]


def stored_window(window: Window, orientation: int, width: int, height: int) -> Window:
    """The window of the stored pixels that an upright window shows; sizes are the stored ones."""
    a, b, c, d, e, f = stored_place(orientation, width, height)
    x1, y1, x2, y2 = window.xyxy
    columns = sorted(int(a * x + b * y + c) for x, y in ((x1, y1), (x2, y2)))
    rows = sorted(int(d * x + e * y + f) for x, y in ((x1, y1), (x2, y2)))
    return Window(x=columns[0], y=rows[0], width=columns[1] - columns[0], height=rows[1] - rows[0])


def turned(stored: NDArray[Any], orientation: int) -> NDArray[Any]:
    """Stored pixels of shape (height, width) as upright ones."""
    if orientation in SIDEWAYS:
        stored = stored.T
    a, b, _, d, e, _ = stored_place(orientation, 0, 0)
    steps = (d + e, a + b) if orientation not in SIDEWAYS else (a + b, d + e)
    return stored[:: int(steps[0]), :: int(steps[1])]


def placed_upright(transform: Affine, orientation: int, width: int, height: int) -> Affine:
    """A transform from stored pixels to anywhere, as one from upright pixels."""
    a, b, c, d, e, f = transform
    ca, cb, cc, ra, rb, rc = stored_place(orientation, width, height)
    return (
        a * ca + b * ra,
        a * cb + b * rb,
        a * cc + b * rc + c,
        d * ca + e * ra,
        d * cb + e * rb,
        d * cc + e * rc + f,
    )
