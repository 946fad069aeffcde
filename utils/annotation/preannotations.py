"""Proposals: boxes on a tile, a detector's or known ones, for people to accept or correct."""

from __future__ import annotations

from dataclasses import dataclass

from utils.annotation.review import GROUND_TRUTH
from utils.shapes.shapes import Shapes

_PREFIX = "spyglass "


@dataclass(frozen=True, slots=True)
class Preannotation:
    """The boxes that a detector found on a tile.

    Attributes:
        shapes: Shapes with scores, in tile coordinates.
        model_version: Version of the ZenML model that found them.
        priority: Priority of the tile in [0, 1]; people see the highest first.
    """

    shapes: Shapes
    model_version: str
    priority: float


def model_version_name(model_version: str) -> str:
    """The name of a detector in an annotation tool, distinct from other people's models there."""
    return f"{_PREFIX}{model_version}"


def model_version_of(name: str | None) -> str | None:
    """The model version behind such a name, or None for a model that is not Spyglass'."""
    return name.removeprefix(_PREFIX) if name and name.startswith(_PREFIX) else None


def is_name_of_proposals(name: str | None) -> bool:
    """Whether Spyglass gives this name to proposals: a detector's, or `ground truth`."""
    return name == GROUND_TRUTH or model_version_of(name) is not None


def holds_known_labels(name: str | None, score: float | None) -> bool:
    """Whether a proposal holds the ground truth of the ingest rather than a detector's boxes.

    Label Studio shows the proposals of one name at a time. So known labels may bear a detector's
    name; they have no score, while each proposal of a detector has its priority.
    """
    return score is None and is_name_of_proposals(name)
