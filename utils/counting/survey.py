"""A survey: all tiles of the predicted scenes, in the order in which they are drawn for review."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar, Self

import pyarrow as pa

from utils.geometry import Window
from utils.images.georeference import Georeference
from utils.shapes.columns import from_columns, kind_in, shape_fields, to_columns
from utils.shapes.shapes import ShapeKind, Shapes
from utils.tables import STRINGS, Table, versioned_schema
from utils.tiling.options import TilingOptions

_SIDES = ("x", "y", "width", "height")
SCHEMA = versioned_schema(
    "survey",
    1,
    [
        ("draw", pa.int32()),
        ("probability", pa.float64()),
        ("tile_id", pa.string()),
        ("scene_id", pa.string()),
        *((side, pa.int32()) for side in _SIDES),
        *((f"cell_{side}", pa.int32()) for side in _SIDES),
        *shape_fields("found_", scored=True),
        ("location", pa.string()),
        ("scene_width", pa.int32()),
        ("scene_height", pa.int32()),
        ("tags", STRINGS),
        ("group", pa.string()),
        ("crs", pa.string()),
        ("transform", pa.list_(pa.float64())),
        ("model_version", pa.string()),
    ],
)


@dataclass(frozen=True, slots=True)
class SurveyTile:
    """A tile of the population of a survey.

    Attributes:
        draw: Place in the order of the draws, from 1.
        probability: Probability to be the first one drawn.
        tile_id: As in `Tile`.
        scene_id: As in `Tile`.
        window: As in `Tile`.
        cell: Part of the scene whose objects this tile counts; see `utils.counting.cells`.
        found: Predicted objects that it counts, with scores, in pixels of the scene; also those
            below the minimum score of the survey, as far as the inference kept them.
        location: Location of the scene's image.
        scene_width: Width of the scene, in pixels.
        scene_height: Height of the scene, in pixels.
        tags: Tags of the scene.
        group: Unit of splitting, as in `Tile.group`.
        georeference: Georeference of the scene.
        model_version: Version of the model that predicted.
    """

    draw: int
    probability: float
    tile_id: str
    scene_id: str
    window: Window
    cell: Window
    found: Shapes
    location: str
    scene_width: int
    scene_height: int
    tags: tuple[str, ...] = ()
    group: str = ""
    georeference: Georeference | None = None
    model_version: str = ""

    def predicted(self, confidence: float) -> int:
        """The number of predicted objects with at least a score."""
        return int((self.found.confidences >= confidence).sum())

    def confident(self, confidence: float) -> Shapes:
        """The predicted objects with at least a score."""
        return self.found.select(self.found.confidences >= confidence)


def _to_row(tile: SurveyTile) -> dict[str, Any]:
    place = tile.georeference
    return {
        "draw": tile.draw,
        "probability": tile.probability,
        "tile_id": tile.tile_id,
        "scene_id": tile.scene_id,
        **{side: getattr(tile.window, side) for side in _SIDES},
        **{f"cell_{side}": getattr(tile.cell, side) for side in _SIDES},
        **to_columns(tile.found, "found_", scored=True),
        "location": tile.location,
        "scene_width": tile.scene_width,
        "scene_height": tile.scene_height,
        "tags": list(tile.tags),
        "group": tile.group,
        "crs": place.crs if place else None,
        "transform": list(place.transform) if place else None,
        "model_version": tile.model_version,
    }


def _to_tile(row: dict[str, Any]) -> SurveyTile:
    return SurveyTile(
        draw=row["draw"],
        probability=row["probability"],
        tile_id=row["tile_id"],
        scene_id=row["scene_id"],
        window=Window(**{side: row[side] for side in _SIDES}),
        cell=Window(**{side: row[f"cell_{side}"] for side in _SIDES}),
        found=from_columns(row, "found_", scored=True),
        location=row["location"],
        scene_width=row["scene_width"],
        scene_height=row["scene_height"],
        tags=tuple(row["tags"]),
        group=row["group"],
        georeference=Georeference(row["crs"], tuple(row["transform"])) if row["crs"] else None,
        model_version=row["model_version"],
    )


@dataclass(frozen=True)
class Survey(Table[SurveyTile]):
    """The population of a survey in the order of the draws, with the predictions frozen in it."""

    schema: ClassVar[pa.Schema] = SCHEMA
    to_row = staticmethod(_to_row)
    from_row = staticmethod(_to_tile)

    @property
    def kind(self) -> ShapeKind:
        """The kind of the shapes, which the whole table has."""
        return kind_in(self.footer)

    @property
    def number(self) -> int:
        """Number of the survey in its model, from 1."""
        return int(self.footer["number"])

    @property
    def name(self) -> str:
        """Name of the survey, for people."""
        return f"survey {self.number}"

    @property
    def asked(self) -> int:
        """Number of draws whose tiles people were asked to review."""
        return int(self.footer["asked"])

    @property
    def population(self) -> str:
        """Fingerprint of the scenes and of how they are cut."""
        return self.footer["population"]

    @property
    def predictions(self) -> str:
        """Fingerprint of the predictions that it was drawn from."""
        return self.footer["predictions"]

    @property
    def confidence(self) -> float:
        """Minimum score of a predicted object; see `score_scales`."""
        return float(self.footer["confidence"])

    @property
    def cut(self) -> TilingOptions:
        """The options that its tiles are cut with."""
        return TilingOptions.model_validate(json.loads(self.footer["cut"]))

    @property
    def offered(self) -> tuple[str, ...]:
        """Classes that its reviewers can mark, whatever else the detector knows."""
        return tuple(json.loads(self.footer.get("offered", json.dumps(self.class_names))))

    @property
    def late_since(self) -> datetime | None:
        """Time from which reviewers could mark all classes; None where they always could.

        A review before says nothing of the classes that came with the survey.
        """
        noted = self.footer.get("late_since")
        return datetime.fromisoformat(noted) if noted else None

    @property
    def design(self) -> dict[str, float] | None:
        """Seed and uniform share of its draws; None where an earlier version began it."""
        noted = self.footer.get("design")
        return json.loads(noted) if noted else None

    def with_asked(self, path: Path, asked: int) -> Self:
        """Write the same survey with another number of draws to review."""
        footer = self.footer | {"asked": str(asked)}
        return self.write(path, self.class_names, self, footer=footer)
