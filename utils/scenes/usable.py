"""The labels of a scene that can be used."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from utils.issues import Issue
from utils.scenes.scene import Scene
from utils.shapes.cleaning import MENDED, Cleaned, cleaned
from utils.shapes.shapes import ShapeKind, Shapes

ALL_LOST = "all labels lost"
# Kinds of issues, by the kind of the shapes.
BAD_SHAPE = {kind: f"unusable {kind.singular}" for kind in ShapeKind}
BEYOND_IMAGE = {kind: f"{kind.singular} beyond the image" for kind in ShapeKind}
_SLACK_PX = 2.0  # as rounding and counting from 1 leave it


def usable_labels(
    scene: Scene, width: int, height: int
) -> tuple[Shapes | None, list[int], tuple[Issue, ...]]:
    """Check the labels of a scene against the size of its image.

    A scene with labels, none of them usable, is unlabelled: taken as
    empty, it would teach a detector that its objects are background.

    Args:
        scene: As a source yields it.
        width: Width of the upright image, in pixels.
        height: Height of the upright image, in pixels.

    Returns:
        The usable shapes clipped to the image, or None where the scene is unlabelled; their indices
        in the scene's shapes; and an issue for each shape that cannot be used.
    """
    if scene.shapes is None:
        return None, [], ()
    found = cleaned(scene.shapes, width, height)
    issues = (*_unusable(scene, scene.shapes, found), *_mended(scene, found))
    lost = scene.lost + sum(issue.lost for issue in issues)
    if lost and not found.kept:
        detail = f"none of its {lost} labels can be used; the scene is taken as unlabelled"
        return None, [], (*issues, Issue(scene.id, ALL_LOST, detail, set_aside=False))
    clipped = found.shapes.clipped((0, 0, width, height))
    return clipped, found.kept, (*issues, *_beyond(scene, found.shapes, clipped))


def _unusable(scene: Scene, shapes: Shapes, found: Cleaned) -> Iterator[Issue]:
    """Yield an issue for each shape that cannot be used."""
    for fault in found.unusable:
        xyxy, label = shapes.xyxy[fault.index], shapes.labels[fault.index]
        place = np.round(xyxy, 3).tolist()
        detail = f"{shapes.kind.singular} {fault.index} ({label}, {place}) {fault.problem}"
        lost = 0 if fault.is_double else 1
        yield Issue(scene.id, BAD_SHAPE[shapes.kind], detail, set_aside=False, lost=lost)


def _mended(scene: Scene, found: Cleaned) -> Iterator[Issue]:
    for fault, count in found.mended.items():
        detail = f"{count} of its {found.shapes.kind.noun}: {MENDED[fault]}"
        yield Issue(scene.id, fault, detail, set_aside=False)


def _beyond(scene: Scene, shapes: Shapes, clipped: Shapes) -> Iterator[Issue]:
    """Yield an issue where shapes are clipped at the edge: many such show a wrong form."""
    cut = np.flatnonzero((np.abs(shapes.xyxy - clipped.xyxy) > _SLACK_PX).any(axis=1))
    if len(cut):
        first = np.round(shapes.xyxy[cut[0]], 3).tolist()
        noun = shapes.kind.noun
        detail = f"{len(cut)} of its {noun} reach over the edge and are clipped, first {first}"
        yield Issue(scene.id, BEYOND_IMAGE[shapes.kind], detail, set_aside=False)
