"""Draw a survey: all tiles of the predicted scenes, in a random order."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from utils.counting.cells import Cells
from utils.counting.design import draw_order, draw_probabilities
from utils.counting.options import CountOptions
from utils.counting.survey import Survey, SurveyTile
from utils.counting.weights import counted_classes, counts_by_tile, score_scales
from utils.detection.predictions import Predictions, ScenePrediction
from utils.errors import DatasetError
from utils.geometry import FloatArray
from utils.shapes.columns import with_kind
from utils.tiling.manifest import cut_with
from utils.tiling.options import TilingOptions
from utils.tiling.tile import tile_id_of


def draw_survey(
    predictions: Predictions,
    tiling: TilingOptions,
    options: CountOptions,
    path: Path,
    *,
    confidence: float = 0.0,
    number: int = 1,
    late_since: datetime | None = None,
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
        late_since: Time from which reviewers can mark all counted classes; see `Survey`.

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
        "offered": json.dumps(classes),
        "design": json.dumps({"seed": options.seed, "uniform_share": options.uniform_share}),
    }
    if late_since is not None:
        footer["late_since"] = late_since.isoformat()
    drawn = _drawn(tiles, order.tolist(), probabilities)
    return Survey.write(path, predictions.class_names, drawn, footer=footer)


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
