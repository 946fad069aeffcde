"""Scores on what people have looked at: noted predictions beside their reviewed labels."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

import numpy as np

from utils.dataset.labeled import LabeledTile
from utils.evaluation.bootstrap import Estimate
from utils.evaluation.evaluated_images import EvaluatedImage
from utils.evaluation.options import EvaluationOptions
from utils.evaluation.scoring import score
from utils.geometry import Window
from utils.monitoring.notes import Note
from utils.shapes.shapes import Shapes

Place = tuple[str, tuple[int, int, int, int]]

_METRICS = ("precision", "recall", "F1")


@dataclass(frozen=True, slots=True)
class Reviewed:
    """Precision, recall and confusion on reviewed windows.

    Attributes:
        windows: Number of windows that were predicted and reviewed.
        objects: Number of objects that people left on them.
        metrics: Value, low and high end of the interval of `precision`, `recall` and `F1`; the ends
            are None where all windows are of one group.
        confusion: Numbers of objects; rows are predicted classes, columns true ones, the last of
            each the background.
        class_names: Names of rows and columns.
    """

    windows: int
    objects: int
    metrics: dict[str, tuple[float, float | None, float | None]]
    confusion: list[list[int]]
    class_names: tuple[str, ...]


def reviewed_of(
    notes: Iterable[Note],
    labels: Iterable[LabeledTile],
    class_names: Sequence[str],
    confidence: float,
) -> Reviewed | None:
    """Score the noted predictions whose windows people have reviewed; None without any.

    The intervals are bootstrapped over groups of scenes, as those of `--evaluate`. They hold for
    windows like the reviewed ones: whoever reviews what is uncertain sees more errors than there
    are on average.

    Args:
        notes: Notes of one version.
        labels: Labelled tiles.
        class_names: Classes of the detector.
        confidence: Minimum score of a prediction that counts.
    """
    images = reviewed_images(notes, labels)
    if not images:
        return None
    options = EvaluationOptions(confidence=confidence)
    labelled = {label for image in images for label in image.truth.labels}
    names = (*class_names, *sorted(labelled - set(class_names)))
    scores = score(images, names, options)
    return Reviewed(
        windows=len(images),
        objects=scores.boxes,
        metrics={
            name: _interval(scores.metrics[name]) for name in _METRICS if name in scores.metrics
        },
        confusion=scores.confusion,
        class_names=scores.class_names,
    )


def reviewed_images(notes: Iterable[Note], labels: Iterable[LabeledTile]) -> list[EvaluatedImage]:
    """The noted windows that people have reviewed, with noted and true boxes, in order of notes."""
    reviewed = _by_place(labels)
    return [_image(note, tile) for note in notes if (tile := _tile_of(note, reviewed)) is not None]


def _by_place(labels: Iterable[LabeledTile]) -> dict[Place, LabeledTile]:
    """The reviewed tiles by every name that a note may have for their image, and their window."""
    found: dict[Place, LabeledTile] = {}
    for tile in labels:
        if not tile.reviewed:
            continue
        window = tile.window
        place = window.x, window.y, window.width, window.height
        found[tile.sha256, (0, 0, window.width, window.height)] = tile
        # Kept images are named by their hash, whatever folder they were sent from.
        for name in (tile.scene_id, PurePosixPath(tile.scene_id).stem):
            found[name, place] = tile
    return found


def _tile_of(note: Note, reviewed: Mapping[Place, LabeledTile]) -> LabeledTile | None:
    return None if note.window is None else reviewed.get((note.image, note.window))


def _image(note: Note, tile: LabeledTile) -> EvaluatedImage:
    left, top, width, height = note.window or (0, 0, 0, 0)
    boxes = np.array(note.boxes).reshape(-1, 4) - [left, top, left, top]
    found = Shapes(boxes, note.classes, np.array(note.scores))
    truth = Shapes(tile.shapes.xyxy, tile.shapes.labels)  # of any kind: notes hold hulls
    window = Window(x=left, y=top, width=width, height=height)
    return EvaluatedImage(tile.tile_id, tile.scene_id, window, truth, found, group=tile.group)


def _interval(estimate: Estimate) -> tuple[float, float | None, float | None]:
    return estimate.value, estimate.low, estimate.high
