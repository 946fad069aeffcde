"""Tiles of scenes that were predicted but never ingested, so that every sample is a tile."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path

from utils.detection.predictions import ScenePrediction
from utils.errors import ImageError
from utils.files import sha256_of
from utils.issues import IssueReport
from utils.paths import local_folder
from utils.scenes.bucket import local_image
from utils.scenes.scene import Scene
from utils.tiling.options import EXTENSIONS, TilingOptions
from utils.tiling.plan import plan_tiles
from utils.tiling.tile import Tile, scene_key
from utils.tiling.tiler import finished_tile, tile_scene

UNREADABLE = "scene image cannot be read"


def tiles_of_predicted(
    tiles: Iterable[Tile],
    predictions: Iterable[ScenePrediction],
    tiling: TilingOptions,
    issues: IssueReport,
    alone: Iterable[Tile] = (),
) -> Iterator[Tile]:
    """Yield the tiles given, then those cut from predicted scenes that none of them shows.

    Scenes whose image is gone or does not decode are noted in `issues` and left out.

    Args:
        tiles: All of each scene, one after another.
        predictions: Of whole scenes.
        tiling: How to cut.
        issues: Receives the scenes that cannot be cut.
        alone: Tiles that say nothing of the rest of their scene, as they were picked one by one;
            those of scenes that neither are given nor can be cut come last.
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


def cut_scene(prediction: ScenePrediction, tiling: TilingOptions) -> list[Tile]:
    """Cut a predicted scene into tiles, with its ground truth, in `.local/cache/tiles`.

    Tiles that an earlier run cut from the same file in the same way are taken as they are.

    Raises:
        ImageError: If the image cannot be had, or does not decode.
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
    tiling = tiling.updated(empty_tiles="keep")
    folder = local_folder("cache", "tiles", f"{scene_key(scene.id)}-{_state(image, tiling)}")
    plan = plan_tiles(scene, prediction.width, prediction.height, tiling)
    extension = EXTENSIONS[tiling.image_format]
    paths = [folder / f"{planned.tile_id}.{extension}" for planned in plan.tiles]
    if not all(path.is_file() for path in paths):
        return list(tile_scene(scene, folder, tiling))
    return [
        finished_tile(plan, planned, str(path), sha256_of(path), path.stat().st_size)
        for planned, path in zip(plan.tiles, paths, strict=True)
    ]


def _state(image: Path, tiling: TilingOptions) -> str:
    """A word that changes when the image or the way it is cut does."""
    if not image.is_file():
        raise ImageError(f"{image} is no longer there. Run the inference again, or ingest it.")
    state = image.stat()
    word = f"{image}\n{state.st_size}\n{state.st_mtime_ns}\n{tiling.model_dump_json()}"
    return hashlib.sha256(word.encode()).hexdigest()[:10]
