"""How sure a detector is that the labels of a tile are wrong."""

from __future__ import annotations

import numpy as np

from utils.evaluation.matching import by_score, match_boxes
from utils.geometry import Boxes, iou_matrix

_IOU = 0.5
_UNSEEN_LABEL = 0.5


def disagreement(truth: Boxes, found: Boxes) -> float:
    """How wrong the worst label of a tile seems, in [0, 1].

    Boxes are matched whatever their class, at an intersection over union of 0.5. With c the score
    of the found box, a label of another class seems wrong by c, one whose box lies elsewhere by
    c (2 i - 1), where i = 2 (1 - overlap), and one that is missing by c: FiftyOne Brain's
    mistakenness (`compute_mistakenness`, for detections without logits), stretched so that 0.5,
    where it cannot tell, becomes 0. Labels that the detector does not see, which FiftyOne only
    counts as possibly spurious, seem wrong by half their share: it may as well be blind.

    Args:
        truth: Labels, in tile coordinates.
        found: What the detector found, with scores.
    """
    found = by_score(found)
    scores = np.ones(len(found)) if found.scores is None else found.scores
    taken = match_boxes(found.xyxy, truth.xyxy, np.array([_IOU]))[0]
    wrong = [0.0, *scores[taken < 0].tolist()]
    overlaps = iou_matrix(found.xyxy, truth.xyxy)
    for index in np.flatnonzero(taken >= 0).tolist():
        label = int(taken[index])
        is_same = found.labels[index] == truth.labels[label]
        elsewhere = 4 * (1 - overlaps[index, label]) - 1
        wrong.append(float(scores[index]) * (elsewhere if is_same else 1.0))
    if len(truth):
        wrong.append(_UNSEEN_LABEL * (1 - float((taken >= 0).sum()) / len(truth)))
    return float(max(wrong))
