"""Picked tiles as Label Studio receives them."""

from __future__ import annotations

from utils.annotation.preannotations import Preannotation
from utils.evaluation.tide_errors import confident
from utils.feedback.picked import PickedTile


def suggestion(picked: PickedTile) -> Preannotation | None:
    """What a picked tile is sent with; None where no detector has looked at it."""
    if picked.found is None or picked.model_version is None:
        return None
    boxes = confident(picked.found, picked.confidence)
    return Preannotation(boxes, picked.model_version, picked.priority)
