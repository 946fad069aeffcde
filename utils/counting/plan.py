"""The next tiles to review: how many draws to ask for, their images, and the boxes to show."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from pathlib import Path

import numpy as np

from utils.annotation.preannotations import Preannotation
from utils.counting.cells import counted_inside
from utils.counting.count import SurveyCount
from utils.counting.options import CountOptions
from utils.counting.reviews import reviews_of
from utils.counting.survey import Survey, SurveyTile
from utils.curation.cutting import UNREADABLE, cut_scene
from utils.dataset.labeled import LabeledTile
from utils.detection.predictions import ScenePrediction
from utils.errors import ImageError
from utils.feedback.sendable import stored_tile
from utils.geometry import Window
from utils.issues import IssueReport
from utils.shapes.columns import with_kind
from utils.shapes.shapes import Shapes
from utils.shapes.windows import seen_in
from utils.storage.objects import ObjectStore
from utils.tiling.manifest import TileManifest, cut_with
from utils.tiling.options import TilingOptions
from utils.tiling.tile import Tile

_LEAST_BATCH = 10
_PRIORITIES = 1000  # Label Studio sorts by priority, which is sent with three places


def draws_to_ask(
    survey: Survey,
    labels: Sequence[LabeledTile],
    skipped: Set[str],
    classes: Sequence[str],
    options: CountOptions,
) -> int:
    """The number of draws to have reviewed: more only when all are, and the interval is too wide.

    Args:
        survey: The survey, with the draws asked for so far.
        labels: Labelled tiles.
        skipped: Ids of skipped tiles.
        classes: Classes to count.
        options: Size of a batch, and the interval wanted.
    """
    tiles = list(survey)
    asked = min(max(survey.asked, options.budget), len(tiles))
    draws = reviews_of(survey, labels, skipped).draws
    total_only = options.updated(by=())
    while asked < len(tiles) and len(draws) >= asked:
        counted = SurveyCount(tiles, draws[:asked], classes, total_only, survey.confidence)
        wanted = counted.draws_wanted()
        if wanted is not None and wanted <= asked:
            return asked
        more = options.budget if wanted is None else min(options.budget, wanted - asked)
        asked = min(asked + max(more, _LEAST_BATCH), len(tiles))
    return asked


def next_tiles(
    survey: Survey,
    labels: Sequence[LabeledTile],
    skipped: Set[str],
    classes: Sequence[str],
    options: CountOptions,
    stored: Callable[[Sequence[SurveyTile]], list[Tile]],
) -> tuple[int, list[Tile]]:
    """The number of draws to have reviewed, and their tiles in the order of the draws.

    A tile that was asked for and cannot be read is no longer waited for.

    Args:
        survey: The survey, with the draws asked for so far.
        labels: Labelled tiles.
        skipped: Ids of skipped tiles.
        classes: Classes to count.
        options: Size of a batch, and the interval wanted.
        stored: Stores the tiles of some draws, as far as they can be read; see `stored_tiles`.
    """
    before = [tile for tile in survey if tile.draw <= survey.asked]
    tiles = stored(before)
    unreadable = unreadable_tiles(survey, tiles)
    asked = draws_to_ask(survey, labels, skipped | unreadable, classes, options)
    added = [tile for tile in survey if survey.asked < tile.draw <= asked]
    return asked, [*tiles, *stored(added)]


def write_asked(
    survey: Survey, asked: int, tiles: Iterable[Tile], class_names: Iterable[str], folder: Path
) -> tuple[Survey, TileManifest]:
    """Write a survey with the number of draws asked for, and the manifest of their tiles.

    Args:
        survey: The survey.
        asked: Number of draws to have reviewed.
        tiles: Their tiles, as far as they can be read.
        class_names: Classes that people are offered, perhaps some of them twice.
        folder: Folder of both files.
    """
    footer = cut_with(survey.cut) | with_kind(survey.kind)
    names = list(dict.fromkeys(class_names))
    manifest = TileManifest.write(folder / "manifest.parquet", names, tiles, footer=footer)
    return survey.with_asked(folder / "survey.parquet", asked), manifest


def unreadable_tiles(survey: Survey, stored: Iterable[Tile]) -> set[str]:
    """Ids of the tiles that were asked for and could not be stored."""
    asked = {tile.tile_id for tile in survey if tile.draw <= survey.asked}
    return asked - {tile.tile_id for tile in stored}


def stored_tiles(
    asked: Sequence[SurveyTile],
    known: Mapping[str, Tile],
    scenes: Mapping[str, ScenePrediction],
    tiling: TilingOptions,
    store: ObjectStore,
    issues: IssueReport,
) -> list[Tile]:
    """The asked tiles with their images in the data source, in the order of the draws.

    Args:
        asked: The draws.
        known: Tiles that an ingest, or an earlier batch, has stored, by id.
        scenes: Predicted scenes by id, from which the others are cut.
        tiling: How to cut.
        store: The data source.
        issues: Receives tiles whose scene cannot be read.

    Raises:
        StoreError: If the store cannot be written.
    """
    cut: dict[str, Tile] = {}
    missing: dict[str, set[str]] = {}
    for one in asked:
        if one.tile_id not in known:
            missing.setdefault(one.scene_id, set()).add(one.tile_id)
    for scene_id, tile_ids in missing.items():
        try:
            scene = scenes[scene_id]
            cut_as = tiling.for_scene(scene.width, scene.height, scene.shapes.kind)
            tiles = cut_scene(scene, cut_as, tile_ids)
        except ImageError as error:
            detail = (
                f"{error}; {len(tile_ids)} drawn tiles of it count as skipped ones do, until the "
                "image is back and they are reviewed"
            )
            issues.add(scene_id, UNREADABLE, detail)
            continue
        cut |= {tile.tile_id: stored_tile(tile, store, tiling) for tile in tiles}
    found = (known.get(one.tile_id) or cut.get(one.tile_id) for one in asked)
    return [tile for tile in found if tile is not None]


def proposals(
    survey: Survey,
    tiles: Iterable[Tile],
    scenes: Mapping[str, ScenePrediction],
    confidence: float,
    classes: Sequence[str],
) -> list[tuple[Tile, Preannotation | None]]:
    """The tiles with the newest predicted boxes, for people to correct.

    Beside the boxes that belong to a tile by their visible share, all that its cell counts are
    shown, so that a reviewer decides on each object that counts.

    Args:
        survey: The survey.
        tiles: Tiles to review.
        scenes: Newest predictions by scene.
        confidence: Minimum score of a box that is shown.
        classes: Classes of boxes that are shown: a newer detector may know others.
    """
    drawn = {tile.tile_id: tile for tile in survey if tile.draw <= survey.asked}
    shown: list[tuple[Tile, Preannotation | None]] = []
    for tile in tiles:
        scene, draw = scenes.get(tile.scene_id), drawn[tile.tile_id]
        if scene is None:
            shown.append((tile, None))
            continue
        shapes = scene.shapes.select(np.isin(scene.shapes.labels, list(classes)))
        seen = shapes_shown(shapes, draw.window, draw.cell, survey.cut, confidence)
        priority = max(0.0, 1 - (draw.draw - 1) / _PRIORITIES)
        shown.append((tile, Preannotation(seen, scene.model_version, priority)))
    return shown


def shapes_shown(
    shapes: Shapes, window: Window, cell: Window, tiling: TilingOptions, confidence: float
) -> Shapes:
    """The predicted shapes to show on a tile, clipped to it, in its pixels, by falling score."""
    confident = shapes.select(shapes.confidences >= confidence)
    shares = confident.visible_shares(window)
    belongs = shares >= tiling.min_visibility
    belongs[counted_inside(confident.xyxy, cell)] = True
    return seen_in(confident.select(belongs & (shares > 0)), window).by_score()


def task_columns(survey: Survey) -> dict[str, dict[str, object]]:
    """The columns of the tasks in Label Studio that tell survey, draw and probability, by tile."""
    return {
        tile.tile_id: {
            "survey": survey.name,
            "draw": tile.draw,
            "probability": round(tile.probability, 9),
        }
        for tile in survey
        if tile.draw <= survey.asked
    }
