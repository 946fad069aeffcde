"""Synthetic harbour scenes as files: drawn once, found again in the next run."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

from utils.files import write_whole, written_whole
from utils.geometry import Boxes
from utils.issues import IssueReport
from utils.paths import local_folder
from utils.scenes.harbour.drawing import GENERATOR_VERSION, HarbourOptions, draw_harbour
from utils.scenes.labels import boxes_from
from utils.scenes.options import SyntheticSource
from utils.scenes.scene import Scene, SceneSource

CLASS_NAME = "ship"
_DEFAULT_NAME = "harbour"


def open_synthetic(options: SyntheticSource) -> SceneSource:
    """Open a range of synthetic scenes; those that were never drawn are drawn as they are read."""
    name = options.name or _DEFAULT_NAME
    harbour = HarbourOptions(
        seed=options.seed,
        width=options.width,
        height=options.height,
        ships=options.ships,
        cloud_cover=options.cloud_cover,
    )
    folder = local_folder("cache", "synthetic", _fingerprint(harbour))

    def read(report: IssueReport) -> Iterator[Scene]:  # noqa: ARG001 - nothing can go wrong here
        for index in range(options.first_scene, options.first_scene + options.scenes):
            image, boxes = drawn_scene(folder, index, harbour)
            yield Scene(id=f"{name}/{image.name}", path=image, boxes=boxes)

    return SceneSource(name, (CLASS_NAME,), options.scenes, read)


def drawn_scene(folder: Path, index: int, harbour: HarbourOptions) -> tuple[Path, Boxes]:
    """The PNG file of one scene and its boxes, drawn unless it is there already.

    The image is written after its boxes, so that a scene whose image is there is complete.
    """
    image = folder / f"scene-{index:03d}.png"
    labels = image.with_suffix(".json")
    if not image.is_file():
        _draw(image, labels, index, harbour)
    rows = json.loads(labels.read_text())
    return image, boxes_from(rows, [CLASS_NAME] * len(rows))


def _draw(image: Path, labels: Path, index: int, harbour: HarbourOptions) -> None:
    import pyvips

    pixels, boxes = draw_harbour(harbour, index)
    write_whole(labels, json.dumps(boxes.tolist()))
    with written_whole(image) as partial:
        pyvips.Image.new_from_array(pixels, interpretation="srgb").pngsave(
            str(partial), compression=1
        )


def _fingerprint(harbour: HarbourOptions) -> str:
    """A name for all scenes that are drawn with these options by this generator."""
    drawn_with = f"{GENERATOR_VERSION} {harbour}"
    return hashlib.sha256(drawn_with.encode()).hexdigest()[:16]
