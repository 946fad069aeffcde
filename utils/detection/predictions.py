"""Predictions: the boxes of a detector in whole scenes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pyarrow as pa

from utils.images.georeference import Georeference
from utils.shapes.columns import from_columns, kind_in, shape_fields, to_columns
from utils.shapes.shapes import ShapeKind, Shapes
from utils.tables import STRINGS, Table, versioned_schema

SCHEMA = versioned_schema(
    "predictions",
    5,
    [
        ("scene_id", pa.string()),
        ("location", pa.string()),
        ("width", pa.int32()),
        ("height", pa.int32()),
        *shape_fields(scored=True),
        ("labeled", pa.bool_()),
        *shape_fields("truth_"),
        ("tags", STRINGS),
        ("crs", pa.string()),
        ("transform", pa.list_(pa.float64())),
        ("model_version", pa.string()),
        ("seconds", pa.float64()),
        ("windows", pa.int32()),
        ("skipped_windows", pa.int32()),
        ("backend", pa.string()),
        ("group", pa.string()),
        ("faint_boxes", pa.int32()),
        ("least_score", pa.float64()),
        ("at_edge", pa.list_(pa.bool_())),
        ("edge_boxes_dropped", pa.int32()),
        ("boxes_outside", pa.int32()),
        ("windows_without_data", pa.int32()),
        ("windows_outside", pa.int32()),
    ],
)


_COUNTS = ("edge_boxes_dropped", "boxes_outside", "windows_without_data", "windows_outside")


@dataclass(frozen=True, slots=True)
class ScenePrediction:
    """Prediction of one scene, after merging over windows.

    Attributes:
        scene_id: Id as in `Scene.id`.
        location: Location of the image: an absolute local path or `gs://...`.
        width: Width of the scene, in pixels.
        height: Height of the scene, in pixels.
        shapes: Shapes with scores, in scene coordinates.
        model_version: Version of the ZenML model that predicted.
        truth: Ground truth in scene coordinates, or None if the scene is unlabelled.
        tags: Tags of the scene.
        georeference: Georeference of the scene.
        seconds: Time spent on the scene.
        windows: Number of its windows.
        skipped_windows: Number of windows that were skipped as empty water.
        backend: Backend of the network, and why it was chosen.
        group: Unit of splitting, as in `Tile.group`.
        faint_boxes: Number of boxes left out whose score is at least half of the minimum score, or
            None if it is not known, as from a service.
        least_score: Minimum score of a box that is kept; 0 in predictions by earlier versions.
        at_edge: For each box whether it touches an area without data, whose edge draws false
            positives; all False in predictions by earlier versions.
        edge_boxes_dropped: Number of such boxes left out.
        boxes_outside: Number of boxes left out since their centre is outside the regions.
        windows_without_data: Number of windows that were skipped since they hold no data.
        windows_outside: Number of windows that were skipped as they lie outside the regions.
    """

    scene_id: str
    location: str
    width: int
    height: int
    shapes: Shapes
    model_version: str
    truth: Shapes | None = None
    tags: tuple[str, ...] = ()
    georeference: Georeference | None = None
    seconds: float = 0.0
    windows: int = 0
    skipped_windows: int = 0
    backend: str = ""
    group: str = ""
    faint_boxes: int | None = 0
    least_score: float = 0.0
    at_edge: tuple[bool, ...] = ()
    edge_boxes_dropped: int = 0
    boxes_outside: int = 0
    windows_without_data: int = 0
    windows_outside: int = 0

    def __post_init__(self) -> None:
        """Make a scene without a group a group of its own, and boxes without marks unmarked."""
        object.__setattr__(self, "group", self.group or self.scene_id)
        object.__setattr__(self, "at_edge", self.at_edge or (False,) * len(self.shapes))
        if len(self.at_edge) != len(self.shapes):
            raise ValueError(f"{len(self.shapes)} boxes with {len(self.at_edge)} marks")


def _to_row(scene: ScenePrediction) -> dict[str, Any]:
    return {
        "scene_id": scene.scene_id,
        "location": scene.location,
        "width": scene.width,
        "height": scene.height,
        **to_columns(scene.shapes, scored=True),
        "labeled": scene.truth is not None,
        **to_columns(scene.truth, "truth_"),
        "tags": list(scene.tags),
        "crs": scene.georeference.crs if scene.georeference else None,
        "transform": list(scene.georeference.transform) if scene.georeference else None,
        "model_version": scene.model_version,
        "seconds": scene.seconds,
        "windows": scene.windows,
        "skipped_windows": scene.skipped_windows,
        "backend": scene.backend,
        "group": scene.group,
        "faint_boxes": scene.faint_boxes,
        "least_score": scene.least_score,
        "at_edge": list(scene.at_edge),
        **{name: getattr(scene, name) for name in _COUNTS},
    }


def _to_prediction(row: dict[str, Any]) -> ScenePrediction:
    return ScenePrediction(
        scene_id=row["scene_id"],
        location=row["location"],
        width=row["width"],
        height=row["height"],
        shapes=from_columns(row, scored=True),
        model_version=row["model_version"],
        truth=from_columns(row, "truth_") if row["labeled"] else None,
        tags=tuple(row["tags"]),
        georeference=Georeference(row["crs"], tuple(row["transform"])) if row["crs"] else None,
        seconds=row["seconds"],
        windows=row["windows"],
        skipped_windows=row["skipped_windows"],
        backend=row["backend"],
        group=row.get("group", ""),
        faint_boxes=row.get("faint_boxes", 0),
        least_score=row.get("least_score", 0.0),
        at_edge=tuple(row.get("at_edge", ())),
        **{name: row.get(name, 0) for name in _COUNTS},
    )


@dataclass(frozen=True)
class Predictions(Table[ScenePrediction]):
    """Predictions, one row per scene, in order of scene id.

    Attributes:
        coco_json: The same predictions as COCO json, or None if it was not asked for.
        geojson: The same predictions as GeoJSON in WGS 84, beside a folder `scenes` with files of
            single scenes; None if it was not asked for or no scene is georeferenced.
        label_files: Folder with a folder each for `yolo`, `dota`, `gpkg` and `tracks`, as asked
            for, or None.
    """

    coco_json: Path | None = None
    geojson: Path | None = None
    label_files: Path | None = None

    schema: ClassVar[pa.Schema] = SCHEMA
    oldest_version: ClassVar[int] = 2
    to_row = staticmethod(_to_row)
    from_row = staticmethod(_to_prediction)

    @property
    def kind(self) -> ShapeKind:
        """The kind of the shapes, which the whole table has."""
        return kind_in(self.footer)
