"""Counts of shapes by class, size, orientation and score, gathered while they stream by."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from utils.reports.charts import bars, histogram
from utils.reports.page import paragraph, section
from utils.shapes.orientation import long_directions
from utils.shapes.shapes import ShapeKind, Shapes

# Sides in pixels; 32 is where COCO's "small" ends.
_SIZE_EDGES = (0, 4, 8, 16, 32, 64, 128, 256, 512)
_SCORE_EDGES = np.linspace(0, 1, 11)
_ANGLE_EDGES = np.linspace(0, 180, 13)


@dataclass
class ShapeCounts:
    """Shapes counted by class, size, orientation and score.

    Attributes:
        classes: Shapes of each class.
        sizes: Shapes of each size; the last bin is open.
        scores: Shapes in each tenth of the scores.
        angles: Shapes by the direction of their long side, in bins of 15 degrees; only of oriented
            boxes and polygons whose long side can be told.
        kind: Kind of the shapes.
    """

    classes: Counter[str] = field(default_factory=Counter)
    sizes: NDArray[np.int64] = field(
        default_factory=lambda: np.zeros(len(_SIZE_EDGES), dtype=np.int64)
    )
    scores: NDArray[np.int64] = field(
        default_factory=lambda: np.zeros(len(_SCORE_EDGES) - 1, dtype=np.int64)
    )
    angles: NDArray[np.int64] = field(
        default_factory=lambda: np.zeros(len(_ANGLE_EDGES) - 1, dtype=np.int64)
    )
    kind: ShapeKind = ShapeKind.DETECT

    def add(self, shapes: Shapes) -> None:
        """Add shapes to the counts."""
        if not len(shapes):
            return
        self.kind = shapes.kind
        self.classes.update(shapes.labels)
        if shapes.outlines is not None:
            directions = long_directions(shapes.outlines)
            self.angles += np.histogram(directions, bins=_ANGLE_EDGES)[0]
        sides = np.sqrt(shapes.areas)
        self.sizes += np.histogram(sides, bins=[*_SIZE_EDGES, np.inf])[0]
        if shapes.scores is not None:
            self.scores += np.histogram(shapes.scores, bins=_SCORE_EDGES)[0]

    @property
    def noun(self) -> str:
        """The shapes in words, as a heading begins."""
        return self.kind.noun.capitalize()

    @property
    def total(self) -> int:
        """Number of all shapes."""
        return self.classes.total()

    def class_chart(self, class_names: Iterable[str] = ()) -> Markup:
        """Bars by class, most frequent first, classes without a box last."""
        unseen = {name: 0 for name in class_names if name not in self.classes}
        return bars(dict(self.classes.most_common()) | unseen)

    def size_chart(self) -> Markup:
        """A histogram of the sides of the shapes (square root of the area), in pixels."""
        return histogram([*map(str, _SIZE_EDGES), "px"], self.sizes.tolist())

    def angle_chart(self) -> Markup:
        """A histogram of the directions of the long sides, in degrees clockwise from the x axis."""
        return histogram([f"{edge:.0f}°" for edge in _ANGLE_EDGES], self.angles.tolist())

    def charts(self, class_names: Iterable[str] = ()) -> Iterator[Markup]:
        """Yield the sections that the kind of the shapes has: by class, size and orientation."""
        if not self.kind.has_places:
            yield section("Images by class", self.class_chart(class_names))
            return
        yield section(f"{self.noun} by class", self.class_chart(class_names))
        note = "Square root of the area, in pixels. Below 32 COCO calls an object small."
        yield section(f"{self.noun} by size (pixels)", self.size_chart(), paragraph(note))
        if self.angles.any():
            note = "The long side, clockwise from the x axis; nearly round shapes are left out."
            yield section(f"{self.noun} by orientation", self.angle_chart(), paragraph(note))

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
