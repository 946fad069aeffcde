"""Agreement with reviewers on images that the challenger predicted beside the champion."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from utils.evaluation.bootstrap import GroupSpread, widened
from utils.evaluation.comparison import Rule
from utils.evaluation.evaluated_images import EvaluatedImage
from utils.evaluation.options import EvaluationOptions, PromotionOptions
from utils.evaluation.sampled_metric import deciding_metric, sampled

SHADOW = "deployment.shadow=0.2"
_REVIEW = "python run.py --feedback --set feedback.source=production"


@dataclass(frozen=True, slots=True)
class Shadowed:
    """Images that both versions predicted in production and people have reviewed.

    Attributes:
        champion: Each image with the boxes of the champion.
        challenger: The same images, in the same order, with those of the challenger.
        shadowed: Number of images that both have predicted, reviewed or not.
        deploy: Command that has more of them shadowed.
    """

    champion: Sequence[EvaluatedImage] = ()
    challenger: Sequence[EvaluatedImage] = ()
    shadowed: int = 0
    deploy: str = f"python run.py --deploy --set {SHADOW}"


def agreement_rule(
    shadowed: Shadowed, promotion: PromotionOptions, evaluation: EvaluationOptions
) -> Rule:
    """Whether the challenger agrees with reviewers at least as well as the champion.

    Groups of scenes are drawn once for both (a paired bootstrap). The rule holds if the challenger
    is not worse by more than the margin in enough samples. Without enough reviewed images it does
    not hold, and says what is missing.

    Args:
        shadowed: Reviewed images with the boxes of both.
        promotion: Number of images, margin and confidence.
        evaluation: Options of the bootstrap.
    """
    wanted, images = promotion.shadow_images, len(shadowed.champion)
    name = f"agrees with reviewers as well as the champion on {wanted} shadowed images"
    if shadowed.shadowed < wanted:
        return Rule(name, f"shadowed {shadowed.shadowed}; to shadow more: {shadowed.deploy}", False)
    if images < wanted:
        told = f"reviewed {images} of {shadowed.shadowed}; to review more: {_REVIEW}, then --export"
        return Rule(name, told, False)
    if not any(len(image.truth) for image in shadowed.champion):
        return Rule(name, f"none of {images} reviewed ones has objects; review others", False)
    return _compared(name, shadowed, promotion, evaluation)


def _compared(
    name: str, shadowed: Shadowed, promotion: PromotionOptions, evaluation: EvaluationOptions
) -> Rule:
    metric = deciding_metric(promotion.metric, shadowed.champion)
    names = sorted({label for image in shadowed.champion for label in image.truth.labels})
    before, after = (
        sampled(own, names, metric, evaluation) for own in (shadowed.champion, shadowed.challenger)
    )
    differences = after.samples - before.samples
    differences = differences[np.isfinite(differences)]
    spread = _spread(shadowed.champion)
    lead = after.value - before.value
    differences = widened(lead, differences, spread, evaluation.bootstrap.level)
    share = float((differences >= -promotion.margin).mean())
    told = (
        f"{metric} {after.value:.3f} against {before.value:.3f}, as good in {share:.0%} of samples"
    )
    return Rule(name, told, share >= promotion.confidence)


def _spread(images: Sequence[EvaluatedImage]) -> GroupSpread:
    counts: Counter[str] = Counter()
    for image in images:
        counts[image.group] += len(image.truth)
    return GroupSpread(np.array([counts[group] for group in sorted(counts)], dtype=np.intp))
