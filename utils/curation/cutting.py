"""Tiles of scenes that were predicted but never ingested, so that every sample is a tile."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Set
from dataclasses import replace
from pathlib import Path

from utils.detection.predictions import ScenePrediction
from utils.errors import ImageError
from utils.files import sha256_of
from utils.images.reader import image_size
from utils.issues import IssueReport
from utils.paths import local_folder
from utils.scenes.bucket import local_image
from utils.scenes.scene import Scene
from utils.tiling.options import EXTENSIONS, TilingOptions
from utils.tiling.plan import TilePlan, plan_tiles
from utils.tiling.tile import Tile, scene_key
from utils.tiling.tiler import finished_tile, tile_scene, write_tiles

UNREADABLE = "scene image cannot be read"


def tiles_of_predicted(
    tiles: Iterable[Tile],
    predictions: Iterable[ScenePrediction],
    tiling: TilingOptions,
    issues: IssueReport,
    alone: Iterable[Tile] = (),
) -> Iterator[Tile]:
    """Yield the given tiles, then tiles cut from predicted scenes that have none among them.

    Scenes whose image is missing or does not decode are noted in `issues` and left out.

    Args:
        tiles: The tiles, all of a scene one after another.
        predictions: Predictions of whole scenes.
        tiling: Options for cutting.
        issues: Receives the scenes that cannot be cut.
        alone: Tiles that were picked one by one, without the rest of their scene. They come last,
            and only if their scene has no other tiles.
    """
    shown = set()
    for tile in tiles:
        shown.add(tile.scene_id)
        yield tile
    for scene in predictions:
        if scene.scene_id in shown:
            continue
        try:
            yield from cut_scene(scene, tiling)
        except ImageError as error:
            issues.add(scene.scene_id, UNREADABLE, error)
        else:
            shown.add(scene.scene_id)
    rest = (tile for tile in alone if tile.scene_id not in shown)
    yield from sorted(rest, key=lambda tile: tile.scene_id)


def cut_scene(
    prediction: ScenePrediction, tiling: TilingOptions, only: Set[str] | None = None
) -> list[Tile]:
    """Cut a predicted scene into tiles, with its ground truth, in `.local/cache/tiles`.

    Tiles that an earlier run cut from the same file in the same way are used again.

    Args:
        prediction: The scene.
        tiling: How to cut.
        only: Ids of the tiles that are wanted; None for all of the scene.

    Raises:
        ImageError: If the image is missing or does not decode.
    """
    image = local_image(prediction.location)
    scene = Scene(
        prediction.scene_id,
        image,
        prediction.truth,
        prediction.tags,
        prediction.georeference,
        group=prediction.group,
    )
    # Every tile is kept: the boxes to come may lie on tiles without ground truth.
    tiling = tiling.updated(empty_tiles="keep")
    folder = local_folder("cache", "tiles", f"{scene_key(scene.id)}-{_state(image, tiling)}")
    plan = plan_tiles(scene, prediction.width, prediction.height, tiling)
    if only is not None:
        plan = replace(plan, tiles=tuple(one for one in plan.tiles if one.tile_id in only))
    extension = EXTENSIONS[tiling.image_format]
    paths = [folder / f"{planned.tile_id}.{extension}" for planned in plan.tiles]
    if not all(path.is_file() for path in paths):
        if only is None:
            return list(tile_scene(scene, folder, tiling))
        _check_size(image, plan)
        return list(write_tiles(plan, folder, tiling))
    return [
        finished_tile(plan, planned, str(path), sha256_of(path), path.stat().st_size)
        for planned, path in zip(plan.tiles, paths, strict=True)
    ]


def _check_size(image: Path, plan: TilePlan) -> None:
    """Refuse an image that was replaced since the prediction: its tiles would be others."""
    size = image_size(image)
    if size != (plan.width, plan.height):
        raise ImageError(
            f"{image} has {size[0]} x {size[1]} pixels now and had {plan.width} x {plan.height} "
            "when it was predicted. Run the inference again."
        )


def _state(image: Path, tiling: TilingOptions) -> str:
    """A short hash that changes when the image or the tiling options do."""
    if not image.is_file():
        raise ImageError(f"{image} is no longer there. Run the inference again, or ingest it.")
    state = image.stat()
    known = f"{image}\n{state.st_size}\n{state.st_mtime_ns}\n{tiling.model_dump_json()}"
    return hashlib.sha256(known.encode()).hexdigest()[:10]
