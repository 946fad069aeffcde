"""The metric that decides a promotion, in the samples of the bootstrap over groups."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from utils.errors import DetectorError
from utils.evaluation.bootstrap import average_precisions_of, draw_groups, mean_over_classes
from utils.evaluation.classification import count_classes
from utils.evaluation.evaluated_images import EvaluatedImage, kind_of
from utils.evaluation.matching import group_ids, match_classes, with_truth
from utils.evaluation.options import EvaluationOptions
from utils.geometry import FloatArray


def deciding_metric(wanted: str, tiles: Sequence[EvaluatedImage]) -> str:
    """The metric that decides.

    Raises:
        DetectorError: If the detectors have no such metric.
    """
    known = ("mAP50-95", "mAP50") if kind_of(tiles).has_places else ("top1", "F1")
    if wanted not in ("auto", *known):
        raise DetectorError(
            f"promotion.metric is {wanted}, which these detectors do not have. "
            f"Set it to auto, {' or '.join(known)}."
        )
    return known[0] if wanted == "auto" else wanted


@dataclass(frozen=True, slots=True)
class SampledMetric:
    """Scores of one detector: over all scenes, by class, in each sample, in each group alone."""

    value: float
    classes: dict[str, float]
    samples: FloatArray
    alone: FloatArray


def sampled(
    tiles: Sequence[EvaluatedImage],
    names: Sequence[str],
    metric: str,
    evaluation: EvaluationOptions,
) -> SampledMetric:
    """Compute a metric of a detector's predictions in the samples of the bootstrap."""
    groups = len(group_ids(tiles))
    draws = draw_groups(groups, evaluation.bootstrap)
    weights = np.vstack([np.ones(groups), draws, np.eye(groups)])
    compute = _of_places if kind_of(tiles).has_places else _of_classes
    scores, classes = compute(tiles, names, metric, weights)
    return SampledMetric(
        float(scores[0]), classes, scores[1 : 1 + len(draws)], scores[1 + len(draws) :]
    )


def _of_classes(
    tiles: Sequence[EvaluatedImage], names: Sequence[str], metric: str, weights: FloatArray
) -> tuple[FloatArray, dict[str, float]]:
    """A metric of whole images' classes for each row of weights, and the F1 of each class."""
    counts = count_classes(tiles, names)
    return counts.metrics(weights)[metric], counts.f1_of(names)


def _of_places(
    tiles: Sequence[EvaluatedImage], names: Sequence[str], metric: str, weights: FloatArray
) -> tuple[FloatArray, dict[str, float]]:
    """The average precision for each row of weights, and that of each class with true shapes."""
    matches = with_truth(match_classes(tiles, names))
    precisions = {name: average_precisions_of(own, weights) for name, own in matches.items()}
    map50, map50_95 = mean_over_classes(precisions)
    is_map50 = metric == "mAP50"
    scores = map50 if is_map50 else map50_95
    classes = {
        name: float(own[0, 0] if is_map50 else own[0].mean()) for name, own in precisions.items()
    }
    return scores, classes
