"""Faults of regions, by what becomes of the region and of its tile."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

Note = Callable[[str, str], None]


@dataclass(frozen=True, slots=True)
class Problem:
    """A fault of a region that was changed or left out.

    Attributes:
        kind: A short fixed phrase to count by.
        detail: One sentence with the particulars.
        is_loss: Whether the region marks an object and is not among the shapes.
        spoils_tile: Whether the tile cannot be used without the region.
    """

    kind: str
    detail: str
    is_loss: bool = False
    spoils_tile: bool = False


class LostRegionError(Exception):
    """A region that marks an object cannot be used.

    Attributes:
        kind: A short fixed phrase to count by.
        spoils_tile: Whether the tile cannot be used without the region.
    """

    def __init__(self, kind: str, detail: str, *, spoils_tile: bool = False) -> None:
        """Say why, in a sentence that begins with the verb."""
        super().__init__(detail)
        self.kind = kind
        self.spoils_tile = spoils_tile
