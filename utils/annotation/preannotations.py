"""Pre-annotations: a detector's boxes on a tile, for people to accept or correct."""

from __future__ import annotations

from dataclasses import dataclass

from utils.geometry import Boxes

_PREFIX = "spyglass "


@dataclass(frozen=True, slots=True)
class Preannotation:
    """The boxes that a detector found on a tile.

    Attributes:
        boxes: Boxes with scores, in tile coordinates.
        model_version: Version of the ZenML model that found them.
        priority: Priority of the tile in [0, 1]; people see the highest first.
    """

    boxes: Boxes
    model_version: str
    priority: float


def model_version_name(model_version: str) -> str:
    """The name of a detector in an annotation tool, distinct from other people's models there."""
    return f"{_PREFIX}{model_version}"


def model_version_of(name: str | None) -> str | None:
    """The model version behind such a name, or None for a model that is not Spyglass'."""
    return name.removeprefix(_PREFIX) if name and name.startswith(_PREFIX) else None
