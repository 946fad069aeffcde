"""Windows as the detector saw them: the part of a note that a process with the pixels knows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from utils.geometry import Window
from utils.monitoring.measures import Measures
from utils.shapes.shapes import Shapes

_PLACES = 2  # decimals of a pixel in a note
_SCORE_PLACES = 5


@dataclass(frozen=True, slots=True)
class Seen:
    """A window that was predicted.

    Attributes:
        window: The window.
        shapes: Shapes with scores, in pixels of the image, before the merge with other windows.
        measures: Quality of its pixels.
        outlier: Outlier score, as in `Note`.
        seconds: Time of the prediction.
    """

    window: Window
    shapes: Shapes
    measures: Measures
    outlier: float | None
    seconds: float

    def facts(self, confidence: float) -> dict[str, Any]:
        """The fields of a note about the window, as JSON holds them.

        Args:
            confidence: Minimum score of the shapes that are noted.
        """
        shapes = self.shapes.select(self.shapes.confidences >= confidence)
        window = self.window
        return {
            "window": [window.x, window.y, window.width, window.height],
            "confidence": confidence,
            "classes": list(shapes.labels),
            "scores": shapes.confidences.round(_SCORE_PLACES).tolist(),
            "boxes": shapes.xyxy.round(_PLACES).tolist(),
            "brightness": self.measures.brightness,
            "contrast": self.measures.contrast,
            "sharpness": self.measures.sharpness,
            "outlier": self.outlier,
        }
