"""The regions of a Label Studio annotation, as exported."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any

_POINTS = frozenset({"keypoint", "keypointlabels"})
# Regions that say something of the image or of another region, that mark a mere point, or a part of
# a text, of a sound or of a time.
NO_SHAPES = _POINTS | {
    *("choices", "datetime", "number", "pairwise", "ranker", "rating", "relation", "taxonomy"),
    *("textarea", "hypertextlabels", "paragraphlabels", "timelinelabels", "timeserieslabels"),
}


@dataclass(frozen=True, slots=True)
class Region:
    """A region, which may come as several entries of the same id.

    Attributes:
        kinds: The types of its entries.
        value: Value of all entries together.
        drawn_on: Width and height in pixels of the image that it was drawn on.
    """

    kinds: tuple[str, ...]
    value: dict[str, Any]
    drawn_on: tuple[int, int]

    @property
    def is_shape(self) -> bool:
        """Whether the region marks a place, and not merely a point."""
        return not NO_SHAPES.issuperset(self.kinds)

    @property
    def is_point(self) -> bool:
        """Whether the region marks a point, of which no more than a place is known."""
        return not self.is_shape and not _POINTS.isdisjoint(self.kinds)

    @property
    def labels(self) -> list[Any]:
        """The labels that it was given, of whatever control."""
        lists = [
            self.value[key] for key in sorted(self.value, reverse=True) if key.endswith("labels")
        ]
        return [label for names in lists if isinstance(names, list) for label in names]


def regions_of(result: Iterable[object]) -> dict[str, Region]:
    """The regions of an annotation by id, as exported; what is no mapping is left out."""
    regions: dict[str, Region] = {}
    for position, entry in enumerate(result):
        if not isinstance(entry, Mapping):
            continue
        region_id = str(entry.get("id", f"number {position}"))
        before = regions.get(region_id, Region((), {}, (0, 0)))
        value = entry.get("value")
        regions[region_id] = Region(
            (*before.kinds, str(entry.get("type"))),
            before.value | (dict(value) if isinstance(value, Mapping) else {}),
            max(before.drawn_on, _size_of(entry)),
        )
    return regions


def _size_of(entry: Mapping[str, Any]) -> tuple[int, int]:
    width, height = (_number(entry.get(f"original_{side}")) for side in ("width", "height"))
    return int(width), int(height)


def _number(value: object) -> float:
    """A finite number; 0 for anything else."""
    return float(value) if isinstance(value, int | float) and isfinite(value) else 0.0
