"""What a detector found on a tile, for people to accept or correct instead of drawing it."""

from __future__ import annotations

from dataclasses import dataclass

from utils.geometry import Boxes

_PREFIX = "spyglass "


@dataclass(frozen=True, slots=True)
class Preannotation:
    """The boxes a detector found on a tile.

    Attributes:
        boxes: With scores, in tile coordinates.
        model_version: The version of the ZenML model that found them.
        priority: In [0, 1]; the higher, the sooner people shall look at the tile.
    """

    boxes: Boxes
    model_version: str
    priority: float


def model_version_name(model_version: str) -> str:
    """How Label Studio names the detector of a prediction; tells it from other people's models."""
    return f"{_PREFIX}{model_version}"


def model_version_of(name: str | None) -> str | None:
    """The version of the model behind a name, or None where it is not one of Spyglass."""
    return name.removeprefix(_PREFIX) if name and name.startswith(_PREFIX) else None
