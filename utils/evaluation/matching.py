"""Match predicted boxes with true boxes, by COCO's rules: true positives and false positives.

In each image the predicted boxes of a class are matched by falling score. Each matches the true box
of its class that it overlaps most, of those not matched yet, if the overlap is large enough: it is
a true positive; a box without a match is a false positive. Where only boxes of one size count, a
true box of another size is matched only if no box of the right size can be. A prediction is ignored
if it matched such a box, or if it matched none and is of another size itself. (Lin et al. 2014,
"Microsoft COCO"; the reference is `evaluateImg` of pycocotools.)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from utils.evaluation.evaluated_images import EvaluatedImage
from utils.geometry import BoolArray, FloatArray, IntArray
from utils.shapes.pairing import IOU_THRESHOLDS, match_shapes
from utils.shapes.shapes import Shapes

ALL_AREAS = (0.0, np.inf)


@dataclass(frozen=True, slots=True)
class ClassMatches:
    """The predicted boxes of one class in all images, by falling score; ignored ones are left out.

    Attributes:
        scores: Scores, shape (n,).
        group: Index of each box's group of scenes, shape (n,).
        is_true_positive: Whether each box is a true positive at each of `IOU_THRESHOLDS`, shape
            (10, n).
        counts: Whether each box is a true or a false positive there, and not ignored for its size,
            shape (10, n).
        true_boxes: Number of true boxes of the class and size in each group, shape (g,).
    """

    scores: FloatArray
    group: IntArray
    is_true_positive: BoolArray
    counts: BoolArray
    true_boxes: IntArray


def match_classes(
    images: Sequence[EvaluatedImage],
    class_names: Sequence[str],
    areas: tuple[float, float] = ALL_AREAS,
) -> dict[str, ClassMatches]:
    """Match the boxes of each class; groups of scenes are numbered in order of their ids.

    Args:
        images: Images with true and predicted boxes.
        class_names: Classes to match.
        areas: Minimum and maximum area of a box that counts, in square pixels.
    """
    groups = {group: index for index, group in enumerate(group_ids(images))}
    return {name: _match_class(images, groups, name, areas) for name in class_names}


def with_truth(matches: Mapping[str, ClassMatches]) -> dict[str, ClassMatches]:
    """The matches of classes with true boxes; other classes have no average precision."""
    return {name: own for name, own in matches.items() if own.true_boxes.any()}


def group_ids(images: Sequence[EvaluatedImage]) -> list[str]:
    """The distinct groups of scenes, the units of the bootstrap, in order."""
    return sorted({image.group for image in images})


def _match_class(
    images: Sequence[EvaluatedImage],
    groups: dict[str, int],
    name: str,
    areas: tuple[float, float],
) -> ClassMatches:
    true_boxes = np.zeros(len(groups), dtype=np.intp)
    none = np.zeros((len(IOU_THRESHOLDS), 0), dtype=bool)
    scores: list[FloatArray] = [np.zeros(0)]
    group = [np.zeros(0, dtype=np.intp)]
    hits: list[BoolArray] = [none]
    counts: list[BoolArray] = [none]
    for image in images:
        found, truth = image.found.of_class(name).by_score(), image.truth.of_class(name)
        is_wanted = _is_within(truth, areas)
        true_boxes[groups[image.group]] += is_wanted.sum()
        scores.append(found.confidences)
        group.append(np.full(len(found), groups[image.group], dtype=np.intp))
        matched = match_shapes(found, truth, counts=None if is_wanted.all() else is_wanted)
        matches_wanted = np.append(is_wanted, False)[matched]  # -1, for none, is the last
        hits.append(matches_wanted)
        counts.append(matches_wanted | ((matched < 0) & _is_within(found, areas)))
    joined, counted = np.concatenate(scores), np.hstack(counts)
    order = np.argsort(-joined, kind="stable")
    order = order[np.asarray(counted[:, order].any(axis=0))]
    return ClassMatches(
        scores=joined[order],
        group=np.concatenate(group)[order],
        is_true_positive=np.hstack(hits)[:, order],
        counts=counted[:, order],
        true_boxes=true_boxes,
    )


def _is_within(shapes: Shapes, areas: tuple[float, float]) -> BoolArray:
    size = shapes.areas
    return np.asarray((size >= areas[0]) & (size <= areas[1]))
