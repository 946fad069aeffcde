"""An image that the service noted: its windows, their boxes, and how unusual they are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from utils.feedback.scores import uncertainty
from utils.geometry import FloatArray, Window
from utils.shapes.shapes import Shapes

SOURCE = "production"


@dataclass(frozen=True, slots=True)
class NotedScene:
    """An image that was sent to the service, as its first answer with all boxes was noted.

    Attributes:
        sha256: SHA-256 of the file that was received.
        time: Time of these notes, in seconds since 1970.
        width: Width, in pixels.
        height: Height, in pixels.
        version: Version that answered; empty where no answer holds all boxes.
        windows: Its windows.
        shapes: Boxes with scores of each window, in pixels of the image.
        outliers: Outlier score of each window, in [0, 1]; None where unknown.
        drifts: Drift score of each window, in [0, 1]; None without a reference.
    """

    sha256: str
    time: float
    width: int
    height: int
    version: str
    windows: tuple[Window, ...]
    shapes: tuple[Shapes, ...]
    outliers: tuple[float | None, ...]
    drifts: tuple[float | None, ...]

    @property
    def scene_id(self) -> str:
        """The id of the scene that the image is: the same for the same content."""
        return f"{SOURCE}/{self.sha256}"

    def outlier_in(self, window: Window) -> float | None:
        """The highest outlier score of the noted windows that a window overlaps."""
        return _highest(self.outliers, self.windows, window)

    def drift_in(self, window: Window) -> float | None:
        """The highest drift score of the noted windows that a window overlaps."""
        return _highest(self.drifts, self.windows, window)

    def uncertainty_in(self, window: Window, confidence: float) -> float:
        """The uncertainty about the boxes of the noted windows that a window overlaps."""
        return uncertainty(
            _scores(
                shapes
                for shapes, own in zip(self.shapes, self.windows, strict=True)
                if _overlap(own, window)
            ),
            confidence,
        )

    def first_score(self, confidence: float) -> float:
        """A score to choose images before any is cut: uncertainty, outlier and drift together."""
        known = [one for one in (*self.outliers, *self.drifts) if one is not None]
        return uncertainty(_scores(self.shapes), confidence) + max(known, default=0.0)


Noted = Mapping[str, NotedScene]
NONE_NOTED: Noted = {}


def _scores(parts: Iterable[Shapes]) -> FloatArray:
    return np.concatenate([np.zeros(0), *(one.confidences for one in parts)])


def _highest(
    scores: Sequence[float | None], windows: Sequence[Window], window: Window
) -> float | None:
    known = [
        score
        for score, own in zip(scores, windows, strict=True)
        if score is not None and _overlap(own, window)
    ]
    return max(known, default=None)


def _overlap(one: Window, other: Window) -> bool:
    return (
        one.x < other.x + other.width
        and other.x < one.x + one.width
        and one.y < other.y + other.height
        and other.y < one.y + one.height
    )
