"""Windows as the detector saw them: the part of a note that a process with the pixels knows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from utils.geometry import Window
from utils.images.measures import MEASURES, Measures
from utils.monitoring.outliers import Features, OutlierReference
from utils.shapes.shapes import Shapes

_PLACES = 2  # decimals of a pixel in a note
_SCORE_PLACES = 5


@dataclass(frozen=True, slots=True)
class Seen:
    """A window that was predicted.

    Attributes:
        window: The window.
        shapes: Shapes with scores, in pixels of the image, before the merge with other windows.
        measures: Quality of its pixels, or None where it is not known.
        features: Features of the pixels, float32 of shape (channels,), or None where the network
            tells none.
        seconds: Time of the prediction.
    """

    window: Window
    shapes: Shapes
    measures: Measures | None
    features: Features | None
    seconds: float

    def facts(self, confidence: float, outliers: OutlierReference | None) -> dict[str, Any]:
        """The fields of a note about the window, as JSON holds them.

        Args:
            confidence: Minimum score of the shapes that are noted.
            outliers: The training set's features, or None where they are not known.
        """
        shapes = self.shapes.select(self.shapes.confidences >= confidence)
        window, outlier = self.window, None
        if outliers is not None and self.features is not None:
            outlier = outliers.score(self.features)
        return {
            "window": [window.x, window.y, window.width, window.height],
            "confidence": confidence,
            "classes": list(shapes.labels),
            "scores": shapes.confidences.round(_SCORE_PLACES).tolist(),
            "boxes": shapes.xyxy.round(_PLACES).tolist(),
            **{name: getattr(self.measures, name, None) for name in MEASURES},
            "outlier": outlier,
        }
