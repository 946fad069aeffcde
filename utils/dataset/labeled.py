"""The labelled dataset: tiles with the boxes people left on them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

import pyarrow as pa

from utils.dataset.review import Review, ReviewState, ShapeChanges
from utils.geometry import Window
from utils.shapes.columns import from_columns, kind_in, shape_fields, to_columns
from utils.shapes.shapes import ShapeKind, Shapes
from utils.tables import STRINGS, Table, versioned_schema

_COUNTS = ("kept", "moved", "added", "removed")
_REVIEW = pa.struct(
    [
        ("state", pa.string()),
        ("proposed_by", pa.string()),
        ("by", pa.string()),
        ("at", pa.timestamp("us", tz="UTC")),
        ("seconds", pa.float64()),
        *((count, pa.int32()) for count in _COUNTS),
    ]
)
SCHEMA = versioned_schema(
    "labeled_dataset",
    5,
    [
        ("tile_id", pa.string()),
        ("scene_id", pa.string()),
        ("x", pa.int32()),
        ("y", pa.int32()),
        ("width", pa.int32()),
        ("height", pa.int32()),
        ("uri", pa.string()),
        ("sha256", pa.string()),
        *shape_fields(),
        ("tags", STRINGS),
        ("reviewed", pa.bool_()),
        ("annotator", pa.string()),
        ("annotated_at", pa.timestamp("us", tz="UTC")),
        ("task_id", pa.int64()),
        ("annotation_id", pa.int64()),
        ("review", _REVIEW),
        ("group", pa.string()),
        ("ground_sample_distance", pa.float64()),
        ("split", pa.string()),
    ],
)


@dataclass(frozen=True, slots=True)
class LabeledTile:
    """A tile with the boxes to train on.

    Attributes:
        tile_id: Joins it to the manifest.
        scene_id: The scene it was cut from.
        window: Its place in the scene, in pixels.
        uri: Where the encoded image is: an absolute local path or `gs://...`.
        sha256: SHA-256 of the encoded image.
        shapes: In tile coordinates, inside the tile.
        tags: Tags of the scene.
        reviewed: Whether a person has submitted or updated the annotation, rather than the ingest
            having sent it.
        annotator: Who, as Label Studio names them (e-mail), or None.
        annotated_at: When, in UTC, or None.
        task_id: In Label Studio, or None for a dataset made without it.
        annotation_id: In Label Studio, or None.
        review: Outcome of the proposed boxes, or None if nobody has reviewed the tile, and in
            tables of version 1.
        group: Unit of splitting, as in `Tile.group`.
        split: Split that the source gives the scene, as in `Scene.split`.
        ground_sample_distance: Length of a pixel on the ground, in metres, or None where the scene
            does not know where it lies.
    """

    tile_id: str
    scene_id: str
    window: Window
    uri: str
    sha256: str
    shapes: Shapes
    tags: tuple[str, ...] = ()
    reviewed: bool = False
    annotator: str | None = None
    annotated_at: datetime | None = None
    task_id: int | None = None
    annotation_id: int | None = None
    review: Review | None = None
    group: str = ""
    ground_sample_distance: float | None = None
    split: str | None = None

    def __post_init__(self) -> None:
        """Let a scene without a group be one of its own."""
        object.__setattr__(self, "group", self.group or self.scene_id)


def _to_row(tile: LabeledTile) -> dict[str, Any]:
    return {
        "tile_id": tile.tile_id,
        "scene_id": tile.scene_id,
        "x": tile.window.x,
        "y": tile.window.y,
        "width": tile.window.width,
        "height": tile.window.height,
        "uri": tile.uri,
        "sha256": tile.sha256,
        **to_columns(tile.shapes),
        "tags": list(tile.tags),
        "reviewed": tile.reviewed,
        "annotator": tile.annotator,
        "annotated_at": tile.annotated_at,
        "task_id": tile.task_id,
        "annotation_id": tile.annotation_id,
        "review": _review_to_row(tile.review) if tile.review else None,
        "group": tile.group,
        "split": tile.split,
        "ground_sample_distance": tile.ground_sample_distance,
    }


def _review_to_row(review: Review) -> dict[str, Any]:
    counts = {count: getattr(review.changes, count) for count in _COUNTS}
    return {
        "state": review.state.value,
        "proposed_by": review.proposed_by,
        "by": review.by,
        "at": review.at,
        "seconds": review.seconds,
    } | counts


def _to_tile(row: dict[str, Any]) -> LabeledTile:
    return LabeledTile(
        tile_id=row["tile_id"],
        scene_id=row["scene_id"],
        window=Window(x=row["x"], y=row["y"], width=row["width"], height=row["height"]),
        uri=row["uri"],
        sha256=row["sha256"],
        shapes=from_columns(row),
        tags=tuple(row["tags"]),
        reviewed=row["reviewed"],
        annotator=row["annotator"],
        annotated_at=row["annotated_at"],
        task_id=row["task_id"],
        annotation_id=row["annotation_id"],
        review=_to_review(row["review"]) if row.get("review") else None,
        group=row.get("group", ""),
        split=row.get("split"),
        ground_sample_distance=row.get("ground_sample_distance"),
    )


def _to_review(row: dict[str, Any]) -> Review:
    return Review(
        state=ReviewState(row["state"]),
        proposed_by=row["proposed_by"],
        changes=ShapeChanges(*(row[count] for count in _COUNTS)),
        by=row["by"],
        at=row["at"],
        seconds=row["seconds"],
    )


@dataclass(frozen=True)
class LabeledDataset(Table[LabeledTile]):
    """Tiles with the boxes to train on, in order of `tile_id`."""

    schema: ClassVar[pa.Schema] = SCHEMA
    oldest_version: ClassVar[int] = 1
    to_row = staticmethod(_to_row)
    from_row = staticmethod(_to_tile)

    @property
    def kind(self) -> ShapeKind:
        """The kind of the shapes, which the whole table has."""
        return kind_in(self.footer)
