"""Where the tiles of a scene lie: pure geometry."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

from utils.geometry import Span, Window, spans


@dataclass(frozen=True, slots=True)
class Grid:
    """The windows that cover a scene: every row span with every column span.

    Attributes:
        columns: (start, size) of each column of windows, from left to right, in pixels.
        rows: (start, size) of each row of windows, from top to bottom, in pixels.
    """

    columns: tuple[Span, ...]
    rows: tuple[Span, ...]

    @classmethod
    def over(
        cls, width: int, height: int, tile_size: int, overlap: int, *, full_last: bool = False
    ) -> Self:
        """The grid over an image of `width` × `height` pixels; see `tile_windows`."""
        return cls(
            spans(width, tile_size, overlap, full_last=full_last),
            spans(height, tile_size, overlap, full_last=full_last),
        )

    def __len__(self) -> int:
        """The number of windows."""
        return len(self.columns) * len(self.rows)

    def __iter__(self) -> Iterator[Window]:
        """Yield the windows from top to bottom, then from left to right."""
        return (self.window(index) for index in range(len(self)))

    def window(self, index: int) -> Window:
        """The window at `index`, counted from top to bottom, then from left to right."""
        row, column = divmod(index, len(self.columns))
        y, height = self.rows[row]
        x, width = self.columns[column]
        return Window(x=x, y=y, width=width, height=height)


def tile_windows(
    width: int, height: int, tile_size: int, overlap: int, *, full_last: bool = False
) -> Iterator[Window]:
    """Yield the windows that cut an image of `width` × `height` pixels into tiles.

    Windows have at most `tile_size` pixels a side, those at the right and bottom edge fewer; they
    cover every pixel, none lies inside another, and with `overlap` 0 they are a partition. They
    come from top to bottom, then from left to right. With `full_last` those at the edges are moved
    back to full size, where the image is large enough.

    Raises:
        ValueError: If the image has no pixels, or `overlap` is not less than `tile_size`.
    """
    return iter(Grid.over(width, height, tile_size, overlap, full_last=full_last))
