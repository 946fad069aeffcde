"""Counts of boxes by class, size and score, gathered while they stream by."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from utils.geometry import box_areas
from utils.reports.charts import bars, histogram
from utils.shapes.shapes import Shapes

# Sides in pixels; 32 is where COCO's "small" ends.
_SIZE_EDGES = (0, 4, 8, 16, 32, 64, 128, 256, 512)
_SCORE_EDGES = np.linspace(0, 1, 11)


@dataclass
class BoxCounts:
    """Shapes counted by class, size and score.

    Attributes:
        classes: Shapes of each class.
        sizes: Shapes of each size; the last bin is open.
        scores: Shapes in each tenth of the scores.
    """

    classes: Counter[str] = field(default_factory=Counter)
    sizes: NDArray[np.int64] = field(
        default_factory=lambda: np.zeros(len(_SIZE_EDGES), dtype=np.int64)
    )
    scores: NDArray[np.int64] = field(
        default_factory=lambda: np.zeros(len(_SCORE_EDGES) - 1, dtype=np.int64)
    )

    def add(self, boxes: Shapes) -> None:
        """Add boxes to the counts."""
        self.classes.update(boxes.labels)
        sides = np.sqrt(box_areas(boxes.xyxy))
        self.sizes += np.histogram(sides, bins=[*_SIZE_EDGES, np.inf])[0]
        if boxes.scores is not None:
            self.scores += np.histogram(boxes.scores, bins=_SCORE_EDGES)[0]

    @property
    def total(self) -> int:
        """Number of all boxes."""
        return self.classes.total()

    def class_chart(self, class_names: Iterable[str] = ()) -> Markup:
        """Bars by class, most frequent first, classes without a box last."""
        unseen = {name: 0 for name in class_names if name not in self.classes}
        return bars(dict(self.classes.most_common()) | unseen)

    def size_chart(self) -> Markup:
        """A histogram of the sides of the boxes (square root of the area), in pixels."""
        return histogram([*map(str, _SIZE_EDGES), "px"], self.sizes.tolist())

    def score_chart(self) -> Markup:
        """A histogram of the scores."""
        return histogram([f"{edge:.1f}" for edge in _SCORE_EDGES], self.scores.tolist())


def shuffled(name: str) -> str:
    """A sort key that shuffles names, so that the first few are a fair sample in every run."""
    return hashlib.sha256(name.encode()).hexdigest()


def share(part: int, whole: int) -> str:
    """A part as a percentage of the whole."""
    return f"{part / whole:.0%}" if whole else "-"


def in_order(counts: Mapping[str, int], class_names: Iterable[str]) -> dict[str, int]:
    """Counts in the order of the class names, then those of other classes."""
    known = {name: counts.get(name, 0) for name in class_names}
    return known | {name: count for name, count in counts.items() if name not in known}
