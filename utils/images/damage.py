"""Signs that an image was damaged, although its pixels were decoded."""

from __future__ import annotations

import mmap
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from utils.images.facts import NO_END_MARKER, Note
from utils.images.formats import JPEG, ImageFormat

CUT = Note(NO_END_MARKER, "the file was cut, damaged at its end, or is still being written")
DOUBTFUL = "image may be damaged"
ONE_COLOUR = "image has one colour"
EVEN_PART = "image has one colour in part"
_START_OF_SCAN = b"\xff\xda"
_CELL = 64  # pixels; calm water in a JPEG is even over 8 or 16 pixels, hardly ever over more
_STEP = 8  # of the sample that most cells fail
_LARGE_SHARE = 0.1
_OVEREXPOSED = 0xFFFFFF  # clouds and skies are white in large parts
_LARGE_WHITE_SHARE = 0.5


class DamageSigns:
    """Signs of damage in the pixels of an image and its decoder, gathered strip by strip.

    Square cells that have only one colour are counted: water and sky are never the same to the last
    bit over a tenth of a scene; tiles that failed to decode, cut ends and frames of nothing are.
    """

    def __init__(self) -> None:
        """Begin with nothing seen."""
        self._doubts: list[str] = []
        self._pixels: Counter[int] = Counter()
        self._seen = 0

    def add(self, strip: NDArray[np.uint8]) -> None:
        """Check the next rows, RGB of shape (height, width, 3)."""
        self._seen += strip.shape[0] * strip.shape[1]
        for top in range(0, len(strip), _CELL):
            rows = strip[top : top + _CELL]
            for left in _even_in_sample(rows):
                cell = rows[:, left : left + _CELL]
                if (cell == cell[0, 0]).all():
                    red, green, blue = (int(value) for value in cell[0, 0])
                    self._pixels[red << 16 | green << 8 | blue] += cell.shape[0] * cell.shape[1]

    def doubt(self, reason: str) -> None:
        """Note what a decoder says of an image that it goes on with."""
        self._doubts.append(reason)

    def notes(self, missing: Callable[[], float]) -> list[Note]:
        """Notes about the image, for people.

        Args:
            missing: Gives the share of the image that the file itself declares to hold no data.
        """
        doubts = [Note(DOUBTFUL, f"{reason}. Look whether it is whole") for reason in self._doubts]
        even = self._even_part() and self._even_part(missing())
        return doubts + ([even] if even else [])

    def _even_part(self, missing: float = 0.0) -> Note | None:
        if not self._pixels or not self._seen:
            return None
        colour, pixels = self._pixels.most_common(1)[0]
        share = pixels / self._seen - missing
        if share < (_LARGE_WHITE_SHARE if colour == _OVEREXPOSED else _LARGE_SHARE):
            return None
        rgb = (colour >> 16, colour >> 8 & 255, colour & 255)
        if pixels == self._seen:
            return Note(ONE_COLOUR, f"every pixel is {rgb}. Look whether the file is whole")
        detail = (
            f"{share:.0%} of its pixels are exactly {rgb}, in large blocks. Look whether the file "
            "is whole, or declare that colour as its nodata value"
        )
        return Note(EVEN_PART, detail)


def _even_in_sample(rows: NDArray[np.uint8]) -> list[int]:
    """The left columns of the cells, in one row of cells, with a few equal pixels."""
    width = rows.shape[1]
    sample = rows[::_STEP, ::_STEP]
    lefts = np.arange(0, sample.shape[1], _CELL // _STEP)
    lowest = np.minimum.reduceat(sample.min(axis=0), lefts, axis=0)
    highest = np.maximum.reduceat(sample.max(axis=0), lefts, axis=0)
    even = (lowest == highest).all(axis=1)
    return [int(left) for left in range(0, width, _CELL) if even[left // _CELL]]


def lacks_end_marker(path: Path, kind: ImageFormat) -> bool:
    """Whether a file ends before its end marker; more may follow a marker that is there.

    Only a JPEG's thumbnail has a marker of its own, and lies before the pixels; in the pixels of no
    format can a marker occur by chance.
    """
    if not kind.end_marker:
        return False
    with (
        path.open("rb") as stream,
        mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as content,
    ):
        if content[-len(kind.end_marker) :] == kind.end_marker:
            return False
        start = content.rfind(_START_OF_SCAN) if kind is JPEG else 0
        return content.rfind(kind.end_marker, max(start, 0)) < 0
