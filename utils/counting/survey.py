"""A survey: all tiles of the predicted scenes, in the order in which they are drawn for review."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import pyarrow as pa

from utils.counting.cells import Cells
from utils.counting.design import draw_order, draw_probabilities
from utils.counting.options import CountOptions
from utils.detection.predictions import Predictions, ScenePrediction
from utils.errors import ConfigurationError, DatasetError
from utils.geometry import FloatArray, Window
from utils.images.georeference import Georeference
from utils.options import unknown_key
from utils.shapes.columns import from_columns, kind_in, shape_fields, to_columns, with_kind
from utils.shapes.shapes import ShapeKind, Shapes
from utils.tables import STRINGS, Table, versioned_schema
from utils.tiling.manifest import cut_with
from utils.tiling.options import TilingOptions
from utils.tiling.tile import tile_id_of

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

    def with_asked(self, path: Path, asked: int) -> Self:
        """Write the same survey with another number of draws to review."""
        footer = self.footer | {"asked": str(asked)}
        return self.write(path, self.class_names, self, footer=footer)


def draw_survey(
    predictions: Predictions,
    tiling: TilingOptions,
    options: CountOptions,
    path: Path,
    *,
    confidence: float = 0.0,
    number: int = 1,
) -> Survey:
    """Cut all predicted scenes into tiles, and draw their order.

    Args:
        predictions: Predictions over whole scenes, which become part of the survey.
        tiling: How to cut; no pixel is read.
        options: Classes, uniform share and seed.
        path: File to write.
        confidence: Minimum score of a predicted object; see `score_scales`.
        number: Number of the survey. Each has its own random numbers: a detector may have learned
            from the tiles of an earlier survey, and is better on these than elsewhere.

    Raises:
        ConfigurationError: If a class is unknown.
        DatasetError: If no scene was predicted.
    """
    classes = counted_classes(predictions.class_names, options.classes)
    tiles = [tile for scene in predictions for tile in _tiles_of(scene, tiling)]
    if not tiles:
        raise DatasetError(
            "The newest predictions hold no scene, so there is nothing to count in. Predict over "
            "some scenes: python run.py --inference --set source.path=DIR"
        )
    scales = score_scales(tiles, confidence)
    counts = counts_by_tile(tiles, classes, scales)
    probabilities = draw_probabilities(counts, options.uniform_share)
    order = draw_order(probabilities, (options.seed, number))
    footer = with_kind(predictions.kind) | cut_with(tiling)
    footer |= {
        "number": str(number),
        "asked": "0",
        "population": population_of(predictions, tiling),
        "predictions": predictions_mark(predictions),
        "confidence": str(confidence),
    }
    drawn = _drawn(tiles, order.tolist(), probabilities)
    return Survey.write(path, predictions.class_names, drawn, footer=footer)


def score_scales(tiles: Iterable[SurveyTile], confidence: float) -> dict[str, float]:
    """The factor by class that makes the scores of all predictions sum up to a count.

    Each prediction counts by its score, faint ones too: they tell where objects were missed. The
    factor makes them add up to the number of predictions with at least the minimum score.

    Args:
        tiles: All tiles.
        confidence: The minimum score.
    """
    scores: dict[str, float] = defaultdict(float)
    counted: dict[str, float] = defaultdict(float)
    for tile in tiles:
        for label, score in zip(tile.found.labels, tile.found.confidences.tolist(), strict=True):
            scores[label] += score
            # The scores of the classes of an image are shares of one.
            counted[label] += score >= confidence if tile.found.kind.has_places else score
    return {label: counted[label] / total for label, total in scores.items() if total > 0}


def object_counts(found: Shapes, scales: Mapping[str, float]) -> FloatArray:
    """The number of objects that each predicted shape counts for, shape (n,).

    Args:
        found: Predicted shapes.
        scales: From `score_scales`.
    """
    factors = np.array([scales.get(label, 0.0) for label in found.labels], dtype=np.float64)
    return np.asarray(found.confidences * factors)


def counts_by_tile(
    tiles: Sequence[SurveyTile], classes: Sequence[str], scales: Mapping[str, float]
) -> FloatArray:
    """The predicted number of objects of each class in each tile, shape (n, c)."""
    index = {name: column for column, name in enumerate(classes)}
    counts = np.zeros((len(tiles), len(classes)))
    for row, tile in enumerate(tiles):
        weights = object_counts(tile.found, scales).tolist()
        for name, weight in zip(tile.found.labels, weights, strict=True):
            if name in index:
                counts[row, index[name]] += weight
    return counts


def counted_classes(known: Iterable[str], wanted: Sequence[str]) -> list[str]:
    """The classes to count: those wanted, or all.

    Raises:
        ConfigurationError: If one is unknown; it names the nearest.
    """
    names = list(known)
    for name in wanted:
        if name not in names:
            raise ConfigurationError(f"count.classes: {unknown_key(name, names, 'class')}")
    return list(wanted) or names


def population_of(predictions: Iterable[ScenePrediction], tiling: TilingOptions) -> str:
    """Fingerprint of the scenes and of how they are cut; the same for any detector."""
    scenes = sorted([scene.scene_id, scene.width, scene.height] for scene in predictions)
    grid = [tiling.tile_size, tiling.overlap, tiling.has_full_edges, tiling.image_classes]
    return _digest([scenes, grid])


def predictions_mark(predictions: Iterable[ScenePrediction]) -> str:
    """Fingerprint of the predicted shapes."""
    known = hashlib.sha256()
    for scene in predictions:
        places = scene.shapes.xyxy.round(3).tolist(), scene.shapes.confidences.round(6).tolist()
        known.update(_digest([scene.scene_id, *places, scene.shapes.labels]).encode())
    return known.hexdigest()[:16]


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()[:16]


def _tiles_of(scene: ScenePrediction, tiling: TilingOptions) -> Iterator[SurveyTile]:
    """Yield the tiles of a scene in the order of its grid, not drawn yet."""
    shapes = scene.shapes
    cut = tiling.for_scene(scene.width, scene.height, shapes.kind)
    grid = cut.grid_over(scene.width, scene.height)
    cells = Cells.of(grid)
    counting = cells.tiles_of(shapes.xyxy)
    for index, (window, cell) in enumerate(zip(grid, cells.windows(), strict=True)):
        yield SurveyTile(
            draw=0,
            probability=0.0,
            tile_id=tile_id_of(scene.scene_id, window),
            scene_id=scene.scene_id,
            window=window,
            cell=cell,
            found=shapes.select(counting == index),
            location=scene.location,
            scene_width=scene.width,
            scene_height=scene.height,
            tags=scene.tags,
            group=scene.group,
            georeference=scene.georeference,
            model_version=scene.model_version,
        )


def _drawn(
    tiles: Sequence[SurveyTile], order: Sequence[int], probabilities: FloatArray
) -> Iterator[SurveyTile]:
    for draw, index in enumerate(order, start=1):
        yield replace(tiles[index], draw=draw, probability=float(probabilities[index]))
