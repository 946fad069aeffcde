"""The picked tiles: tiles to review next, the reasons, and the detector's boxes on them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, ClassVar

import pyarrow as pa

from utils.shapes.columns import from_columns, kind_in, shape_fields, to_columns
from utils.shapes.shapes import ShapeKind, Shapes
from utils.tables import Table, versioned_schema
from utils.tiling.manifest import SCHEMA as TILES
from utils.tiling.manifest import TileManifest
from utils.tiling.tile import Tile

SCHEMA = versioned_schema(
    "picked_tiles",
    3,
    [
        ("rank", pa.int32()),
        ("priority", pa.float64()),
        ("reason", pa.string()),
        ("uncertainty", pa.float64()),
        ("disagreement", pa.float64()),
        ("novelty", pa.float64()),
        ("outlier", pa.float64()),
        ("drift", pa.float64()),
        ("model_version", pa.string()),
        ("confidence", pa.float64()),
        *shape_fields("found_", scored=True),
        *((field.name, field.type) for field in TILES),
    ],
)


class Reason(StrEnum):
    """Reason to pick a tile."""

    TAGGED = "tagged"
    UNCERTAIN = "uncertain"
    DISAGREES = "disagrees"
    NOVEL = "novel"
    OUTLIER = "outlier"
    DRIFTED = "drifted"
    RANDOM = "random"
    WAITING = "waiting"


@dataclass(frozen=True, slots=True)
class PickedTile:
    """A tile to review.

    Attributes:
        tile: The tile, with its ground truth, if any.
        rank: Place in the order of review, from 1.
        priority: Priority in [0, 1], never rising with the rank.
        reason: The reason with the largest share of its score.
        uncertainty: Uncertainty score in [0, 1].
        disagreement: Disagreement score in [0, 1], or None without labels.
        novelty: Novelty score in [0, 1], or None if novelty was not measured.
        outlier: Outlier score in [0, 1] that the service noted, or None.
        drift: Drift score in [0, 1], or None.
        found: The detector's boxes with scores, in tile coordinates, including those below the
            threshold; None without a prediction.
        model_version: Version of the detector; None without a prediction.
        confidence: Threshold of the detector: the lowest score of a box that is sent to people.
    """

    tile: Tile
    rank: int
    priority: float
    reason: Reason
    uncertainty: float = 0.0
    disagreement: float | None = None
    novelty: float | None = None
    outlier: float | None = None
    drift: float | None = None
    found: Shapes | None = None
    model_version: str | None = None
    confidence: float = 0.0


def _to_row(picked: PickedTile) -> dict[str, Any]:
    return {
        "rank": picked.rank,
        "priority": picked.priority,
        "reason": picked.reason.value,
        "uncertainty": picked.uncertainty,
        "disagreement": picked.disagreement,
        "novelty": picked.novelty,
        "outlier": picked.outlier,
        "drift": picked.drift,
        "model_version": picked.model_version if picked.found is not None else None,
        "confidence": picked.confidence,
        **to_columns(picked.found, "found_", scored=True),
        **TileManifest.to_row(picked.tile),
    }


def _to_picked(row: dict[str, Any]) -> PickedTile:
    return PickedTile(
        tile=TileManifest.from_row(row),
        rank=row["rank"],
        priority=row["priority"],
        reason=Reason(row["reason"]),
        uncertainty=row["uncertainty"],
        disagreement=row["disagreement"],
        novelty=row["novelty"],
        outlier=row.get("outlier"),
        drift=row.get("drift"),
        found=None if row["model_version"] is None else from_columns(row, "found_", scored=True),
        model_version=row["model_version"],
        confidence=row["confidence"],
    )


@dataclass(frozen=True)
class PickedTiles(Table[PickedTile]):
    """Tiles to review next, most useful first."""

    schema: ClassVar[pa.Schema] = SCHEMA
    oldest_version: ClassVar[int] = 1
    to_row = staticmethod(_to_row)
    from_row = staticmethod(_to_picked)

    @property
    def kind(self) -> ShapeKind:
        """The kind of the shapes, which the whole table has."""
        return kind_in(self.footer)
