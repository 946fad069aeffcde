"""Small surveys of scenes whose truth is known."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from utils.counting.draw import draw_survey
from utils.counting.options import CountOptions
from utils.counting.survey import Survey, SurveyTile
from utils.dataset.labeled import LabeledTile
from utils.detection.predictions import Predictions, ScenePrediction
from utils.images.georeference import Georeference
from utils.shapes.shapes import Shapes
from utils.tiling.options import TilingOptions

TILING = TilingOptions(tile_size=100, overlap=20, edges="full")
CLASSES = ("ship", "buoy")
# 0.5 m a pixel, in UTM zone 32 N.
PLACE = Georeference("EPSG:32632", (0.5, 0.0, 500_000.0, 0.0, -0.5, 5_300_000.0))


def boxes(rng: np.random.Generator, count: int, width: int = 300, height: int = 260) -> Shapes:
    """Boxes of two classes anywhere in a scene, some across the borders of tiles."""
    size = rng.uniform(4, 30, (count, 2))
    corner = rng.uniform(0, 1, (count, 2)) * ([width, height] - size)
    labels = tuple(rng.choice(CLASSES, count, p=[0.7, 0.3]).tolist())
    return Shapes(np.hstack([corner, corner + size]), labels)


def predicted_scene(
    number: int, truth: Shapes, found: Shapes | None = None, **facts: object
) -> ScenePrediction:
    """A scene whose detector finds what is told, or all."""
    found = truth if found is None else found
    scored = Shapes(found.xyxy, found.labels, np.full(len(found), 0.8))
    name = f"bay/{number}.png"
    return ScenePrediction(name, f"/nowhere/{number}.png", 300, 260, scored, "3", **facts)


def survey_of(folder: Path, scenes: list[ScenePrediction], **options: object) -> Survey:
    """A survey whose tiles are all asked for."""
    predictions = Predictions.write(folder / "predictions.parquet", CLASSES, scenes)
    wanted = CountOptions(**options)
    drawn = draw_survey(predictions, TILING, wanted, folder / "drawn.parquet")
    return drawn.with_asked(folder / "survey.parquet", len(drawn))


def as_reviewed(tile: SurveyTile, truth: Shapes, least: float = 0.05) -> LabeledTile:
    """A tile on which a person has marked every part of an object that is seen."""
    seen = truth.select(truth.visible_shares(tile.window) >= least).clipped(tile.window.xyxy)
    shapes = seen.shifted(-tile.window.x, -tile.window.y)
    facts = tile.tile_id, tile.scene_id, tile.window, "/nowhere/tile.png", ""
    return LabeledTile(*facts, shapes, reviewed=True)
