"""The one check for unusable labels."""

from __future__ import annotations

import numpy as np

from utils.geometry import FloatArray, box_areas, box_problem, clip_boxes
from utils.issues import Issue
from utils.scenes.scene import Scene
from utils.shapes.shapes import Shapes

BAD_BOX = "unusable box"
ALL_LOST = "all labels lost"
BEYOND_IMAGE = "box beyond the image"
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
        The usable boxes clipped to the image, or None where the scene is unlabelled; their indices
        in the scene's boxes; and an issue for each box that cannot be used.
    """
    if scene.shapes is None:
        return None, [], ()
    usable, issues = _usable_boxes(scene.id, scene.shapes, width, height)
    lost = scene.lost + sum(issue.lost for issue in issues)
    if lost and not usable:
        detail = f"none of its {lost} labels can be used; the scene is taken as unlabelled"
        return None, [], (*issues, Issue(scene.id, ALL_LOST, detail, set_aside=False))
    clipped = clip_boxes(scene.shapes.xyxy[usable], (0, 0, width, height))
    issues = (*issues, *_beyond(scene, usable, clipped))
    return Shapes(clipped, tuple(scene.shapes.labels[index] for index in usable)), usable, issues


def _beyond(scene: Scene, usable: list[int], clipped: FloatArray) -> tuple[Issue, ...]:
    """An issue for a scene of which boxes reach over the edge: many such show a wrong form."""
    given = scene.shapes.xyxy[usable] if scene.shapes else clipped
    cut = np.flatnonzero((np.abs(given - clipped) > _SLACK_PX).any(axis=1))
    if not len(cut):
        return ()
    first = np.round(given[cut[0]], 3).tolist()
    detail = f"{len(cut)} of its boxes reach over the edge and are clipped, first {first}"
    return (Issue(scene.id, BEYOND_IMAGE, detail, set_aside=False),)


def _usable_boxes(
    scene_id: str, boxes: Shapes, width: int, height: int
) -> tuple[list[int], tuple[Issue, ...]]:
    """The indices of the boxes that can be used, and an issue for each of the others."""
    usable: list[int] = []
    issues: list[Issue] = []
    seen: dict[tuple[str, bytes], int] = {}
    clipped_areas = box_areas(clip_boxes(boxes.xyxy, (0, 0, width, height)))
    for index, (xyxy, label) in enumerate(zip(boxes.xyxy, boxes.labels, strict=True)):
        problem = box_problem(xyxy, width, height)
        first = seen.setdefault((label, xyxy.tobytes()), index)
        if problem is None and not clipped_areas[index] > 0:
            problem = "has no area inside the image"
        is_double = problem is None and first != index
        if is_double:
            problem = f"is the same as box {first}"
        if problem is None:
            usable.append(index)
        else:
            detail = f"box {index} ({label}, {np.round(xyxy, 3).tolist()}) {problem}"
            lost = 0 if is_double else 1
            issues.append(Issue(scene_id, BAD_BOX, detail, set_aside=False, lost=lost))
    return usable, tuple(issues)
