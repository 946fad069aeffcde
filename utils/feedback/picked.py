"""The picked tiles: which people shall look at next, why, and what the detector found on them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa

from utils.geometry import Boxes
from utils.tables import BOXES, STRINGS, Table, versioned_schema
from utils.tiling.manifest import SCHEMA as TILES
from utils.tiling.manifest import TileManifest
from utils.tiling.tile import Tile

SCHEMA = versioned_schema(
    "picked_tiles",
    1,
    [
        ("rank", pa.int32()),
        ("priority", pa.float64()),
        ("reason", pa.string()),
        ("uncertainty", pa.float64()),
        ("disagreement", pa.float64()),
        ("novelty", pa.float64()),
        ("model_version", pa.string()),
        ("confidence", pa.float64()),
        ("found_boxes", BOXES),
        ("found_labels", STRINGS),
        ("found_scores", pa.list_(pa.float64())),
        *((field.name, field.type) for field in TILES),
    ],
)


class Reason(StrEnum):
    """Why a tile was picked."""

    TAGGED = "tagged"
    UNCERTAIN = "uncertain"
    DISAGREES = "disagrees"
    NOVEL = "novel"
    RANDOM = "random"
    WAITING = "waiting"


@dataclass(frozen=True, slots=True)
class PickedTile:
    """A tile for people to look at.

    Attributes:
        tile: With its ground truth, where there is any.
        rank: Its place in the order in which to look, from 1.
        priority: In [0, 1], never rising with the rank.
        reason: What spoke most for it.
        uncertainty: In [0, 1], from `utils.feedback.uncertainty`.
        disagreement: In [0, 1], or None where there are no labels to disagree with.
        novelty: In [0, 1], or None where nobody has compared it with the labelled tiles.
        found: What the detector found, with scores, in tile coordinates; all of it, also what is
            below the threshold.
        model_version: Of the detector; None where none has looked.
        confidence: Its threshold: the lowest score of a box that is worth people's time.
    """

    tile: Tile
    rank: int
    priority: float
    reason: Reason
    uncertainty: float = 0.0
    disagreement: float | None = None
    novelty: float | None = None
    found: Boxes | None = None
    model_version: str | None = None
    confidence: float = 0.0


def _to_row(picked: PickedTile) -> dict[str, Any]:
    found = picked.found if picked.found is not None else Boxes()
    return {
        "rank": picked.rank,
        "priority": picked.priority,
        "reason": picked.reason.value,
        "uncertainty": picked.uncertainty,
        "disagreement": picked.disagreement,
        "novelty": picked.novelty,
        "model_version": picked.model_version if picked.found is not None else None,
        "confidence": picked.confidence,
        "found_boxes": found.xyxy.tolist(),
        "found_labels": list(found.labels),
        "found_scores": [] if found.scores is None else found.scores.tolist(),
        **TileManifest.to_row(picked.tile),
    }


def _to_picked(row: dict[str, Any]) -> PickedTile:
    found = Boxes(
        np.array(row["found_boxes"], dtype=np.float64),
        tuple(row["found_labels"]),
        np.array(row["found_scores"]),
    )
    return PickedTile(
        tile=TileManifest.from_row(row),
        rank=row["rank"],
        priority=row["priority"],
        reason=Reason(row["reason"]),
        uncertainty=row["uncertainty"],
        disagreement=row["disagreement"],
        novelty=row["novelty"],
        found=found if row["model_version"] is not None else None,
        model_version=row["model_version"],
        confidence=row["confidence"],
    )


@dataclass(frozen=True)
class PickedTiles(Table[PickedTile]):
    """Tiles for people to look at, those to look at first first."""

    schema: ClassVar[pa.Schema] = SCHEMA
    to_row = staticmethod(_to_row)
    from_row = staticmethod(_to_picked)
