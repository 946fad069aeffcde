"""The zooming viewer: scenes as Deep Zoom pyramids with the shapes above, without a network."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from heapq import nlargest
from pathlib import Path
from typing import Any

from utils.detection.predictions import Predictions, ScenePrediction
from utils.errors import ImageError
from utils.images.files import explained
from utils.images.options import PixelOptions
from utils.issues import IssueReport
from utils.scenes.bucket import local_image
from utils.shapes.outlines import rings_of
from utils.shapes.shapes import Shapes
from utils.tiling.tile import scene_key

INDEX, SCENES = "index.html", "scenes"

_ASSETS = Path(__file__).with_name("assets") / "viewer"
_DEFAULT_PIXELS = PixelOptions()
# Large tiles keep a giant scene at some hundreds of files: each may be an upload to a bucket.
_TILE_SIZE, _OVERLAP = 1022, 1
_QUALITY = 80


@dataclass(frozen=True, slots=True)
class Viewer:
    """A folder whose `index.html` shows scenes in a browser, from a disk as well as from a server.

    Attributes:
        folder: Folder with everything that the page needs.
        scenes: Number of scenes that it shows.
    """

    folder: Path
    scenes: int


def write_viewer(
    predictions: Predictions,
    folder: Path,
    issues: IssueReport,
    *,
    scenes: int,
    pixels: PixelOptions = _DEFAULT_PIXELS,
) -> Viewer:
    """Prepare the scenes with most boxes for viewing.

    Args:
        predictions: Predictions, streamed once; the chosen scenes are held in memory.
        folder: Folder to write to.
        issues: Receives the scenes whose image can no longer be read.
        scenes: Largest number of scenes.
        pixels: Options for reading the pixels of the scenes.
    """
    shutil.copytree(_ASSETS, folder, dirs_exist_ok=True)
    (folder / "viewer.html").rename(folder / INDEX)
    chosen = nlargest(scenes, predictions, key=lambda scene: len(scene.shapes))
    listed = []
    for scene in chosen:
        try:
            _write_scene(scene, predictions.class_names, folder / SCENES, pixels)
        except ImageError as error:
            issues.add(scene.scene_id, "not in the viewer", error, set_aside=False)
            shutil.rmtree(folder / SCENES / scene_key(scene.scene_id), ignore_errors=True)
        else:
            listed.append(_listed(scene))
    _write_script(folder / "scenes.js", f"const SCENES = {json.dumps(listed)};")
    return Viewer(folder, len(listed))


def _listed(scene: ScenePrediction) -> dict[str, Any]:
    return {"key": scene_key(scene.scene_id), "id": scene.scene_id, "boxes": len(scene.shapes)}


def _write_scene(
    scene: ScenePrediction, class_names: tuple[str, ...], folder: Path, pixels: PixelOptions
) -> None:
    """Write the tiles of a scene, and its boxes as a script, since pages on disk cannot fetch."""
    key = scene_key(scene.scene_id)
    _write_pyramid(local_image(scene.location), folder / key / "tiles", pixels)
    number = {name: index for index, name in enumerate(class_names)}
    shown = {
        "key": key,
        "width": scene.width,
        "height": scene.height,
        "tileSize": _TILE_SIZE,
        "overlap": _OVERLAP,
        "model": scene.model_version,
        "labels": class_names,
        "classes": [number[label] for label in scene.shapes.labels],
        "kind": scene.shapes.kind.value,
        "noun": scene.shapes.kind.noun,
        "scores": scene.shapes.confidences.round(4).tolist(),
        "boxes": scene.shapes.xyxy.round(1).tolist(),
        "outlines": _rings(scene.shapes),
        "atEdge": list(scene.at_edge),
        "truth": None if scene.truth is None else scene.truth.xyxy.round(1).tolist(),
        "truthLabels": [] if scene.truth is None else list(scene.truth.labels),
        "truthOutlines": None if scene.truth is None else _rings(scene.truth),
    }
    _write_script(folder / key / "boxes.js", f"showScene({json.dumps(shown)});")


def _rings(shapes: Shapes) -> list[list[list[float]]] | None:
    """The rings of each shape as flat lists of x and y; None for shapes without outlines."""
    if shapes.outlines is None:
        return None
    return [[ring.round(1).ravel().tolist() for ring in rings_of(one)] for one in shapes.outlines]


def _write_pyramid(image: Path, path: Path, pixels: PixelOptions) -> None:
    """Write a Deep Zoom pyramid of an image: `path`.dzi, and its tiles in `path`_files.

    The pyramid is upright and has 8 bits. The image is streamed once, from top to bottom.

    Raises:
        ImageError: If it does not decode or is no longer there.
    """
    from utils.images.pixels import open_upright

    upright = open_upright(image, pixels, is_strict=False)
    with explained(image, upright.faults):
        bands = upright.pixels
        colours = bands[:3] if bands.bands > 2 else bands[0]
        path.parent.mkdir(parents=True, exist_ok=True)
        colours.dzsave(
            str(path), suffix=f".jpg[Q={_QUALITY}]", tile_size=_TILE_SIZE, overlap=_OVERLAP
        )


def _write_script(path: Path, script: str) -> None:
    path.write_text(script, encoding="utf-8")
