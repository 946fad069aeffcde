"""Synthetic harbour scenes as files: drawn once, found again in the next run."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from utils.files import write_whole
from utils.issues import IssueReport
from utils.paths import local_folder
from utils.scenes.options import SyntheticSource
from utils.scenes.scene import Scene, SceneSource
from utils.scenes.selection import Selection
from utils.shapes.outlines import polygon_of
from utils.shapes.shapes import ShapeKind, Shapes

CLASS_NAME = "ship"
_DEFAULT_NAME = "harbour"
_BYTES_PER_PIXEL = 2  # of the PNG files, about
_DRAWN_WITH = {"seed", "width", "height", "ships", "cloud_cover"}
_GENERATOR_VERSION = 5  # to be raised whenever scenes come out different: it names the cache


def open_synthetic(options: SyntheticSource) -> SceneSource:
    """Open a range of synthetic scenes; those that were never drawn are drawn as they are read."""
    name = options.name or _DEFAULT_NAME
    folder = local_folder("cache", "synthetic", _fingerprint(options))
    numbers = range(options.first_scene, options.first_scene + options.scenes)

    def read(report: IssueReport, selection: Selection) -> Iterator[Scene]:  # noqa: ARG001
        for index in selection.of(numbers):
            image, shapes = drawn_scene(folder, index, options)
            yield Scene(id=f"{name}/{image.name}", path=image, shapes=shapes)

    def total_bytes() -> int:
        return options.scenes * options.width * options.height * _BYTES_PER_PIXEL

    held = {ShapeKind(options.labels): 0}
    return SceneSource(name, (CLASS_NAME,), options.scenes, read, total_bytes, held=held)


def drawn_scene(folder: Path, index: int, options: SyntheticSource) -> tuple[Path, Shapes]:
    """The PNG file of one scene and its labels, drawn unless it is there already.

    The image is written after its labels, so that a scene whose image is there is complete.
    """
    image = folder / f"scene-{index:03d}.png"
    labels = image.with_suffix(".json")
    if not image.is_file():
        _draw(image, labels, index, options)
    return image, _labelled(json.loads(labels.read_text()), ShapeKind(options.labels))


def _labelled(truth: Mapping[str, Any], kind: ShapeKind) -> Shapes:
    """The ships as shapes of a kind."""
    names = (CLASS_NAME,) * len(truth["boxes"])
    if not kind.has_outlines:
        return Shapes(np.array(truth["boxes"]), names)
    points = truth["rectangles" if kind.is_oriented else "hulls"]
    return Shapes.of_outlines([polygon_of(one) for one in points], names, kind=kind)


def _draw(image: Path, labels: Path, index: int, options: SyntheticSource) -> None:
    import pyvips

    from harbour.drawing import draw_harbour

    drawn = draw_harbour(index, **options.model_dump(include=_DRAWN_WITH))
    truth = {
        "boxes": drawn.boxes.tolist(),
        "rectangles": drawn.rectangles.round(3).tolist(),
        "hulls": [hull.round(3).tolist() for hull in drawn.hulls],
    }
    write_whole(labels, json.dumps(truth))
    picture = pyvips.Image.new_from_array(drawn.pixels, interpretation="srgb")
    write_whole(image, picture.pngsave_buffer(compression=1))


def _fingerprint(options: SyntheticSource) -> str:
    """A name for all scenes that this generator draws with these options."""
    drawn_with = options.model_dump_json(include=_DRAWN_WITH)
    return hashlib.sha256(f"{_GENERATOR_VERSION} {drawn_with}".encode()).hexdigest()[:16]
