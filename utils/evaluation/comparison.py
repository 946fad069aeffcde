"""Compare a challenger with the champion by predictions on the same tiles."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from utils.dataset.labeled import LabeledTile
from utils.detection.detector import Detector
from utils.evaluation.bootstrap import (
    Estimate,
    GroupSpread,
    estimate,
    widened,
)
from utils.evaluation.evaluate import class_names
from utils.evaluation.evaluated_images import EvaluatedImage
from utils.evaluation.options import EvaluationOptions, PromotionOptions
from utils.evaluation.predict_tiles import TilePredictions
from utils.evaluation.sampled_metric import SampledMetric, deciding_metric, sampled
from utils.evaluation.scores import FEW_GROUPS

_WORTH = (
    " (the scenes that decide are worth {:.1f} of equal size; pin more to test, under 'fractions' "
    "of the training)"
)


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two detectors.

    Attributes:
        version: Version of the model.
        weights_sha256: SHA-256 of the weights that predicted.
        score: Score by the metric that decides.
        classes: Score of each class with true boxes, by the same metric.
        milliseconds: Median time for one tile.
    """

    version: str
    weights_sha256: str
    score: Estimate
    classes: dict[str, float]
    milliseconds: float


@dataclass(frozen=True, slots=True)
class Rule:
    """One condition of a promotion.

    Attributes:
        name: The condition, in words.
        measured: The measurement, in words.
        holds: Whether it is met.
    """

    name: str
    measured: str
    holds: bool


@dataclass(frozen=True, slots=True)
class Comparison:
    """A challenger beside a champion.

    Attributes:
        champion: The detector in production.
        challenger: The detector that would replace it.
        metric: Metric that decides.
        difference: Challenger minus champion, with the interval of the paired bootstrap.
        share_better: Share of the samples in which the challenger leads by more than the margin.
        rules: Conditions, all of which must hold.
        tiles: Number of tiles.
        scenes: Number of scenes that the tiles are of.
    """

    champion: Side
    challenger: Side
    metric: str
    difference: Estimate
    share_better: float
    rules: tuple[Rule, ...]
    tiles: int
    scenes: int

    @property
    def promotes(self) -> bool:
        """Whether the challenger replaces the champion."""
        return all(rule.holds for rule in self.rules)

    @property
    def verdict(self) -> str:
        """The decision with its reason, in one sentence."""
        numbers = f"{self.metric} {self.challenger.score.value:.3f} against "
        numbers += f"{self.champion.score.value:.3f} on the same {self.tiles} tiles "
        numbers += f"of {self.scenes} {'scene' if self.scenes == 1 else 'scenes'}"
        if self.promotes:
            return (
                f"Version {self.challenger.version} is better than version "
                f"{self.champion.version}: {numbers}."
            )
        broken = "; ".join(f"{rule.name}: {rule.measured}" for rule in self.rules if not rule.holds)
        return f"Version {self.champion.version} stays: {numbers} ({broken})."

    def card(self) -> dict[str, Any]:
        """The comparison as JSON holds it."""
        return asdict(self) | {"promotes": self.promotes, "verdict": self.verdict}

    @classmethod
    def from_card(cls, card: Mapping[str, Any]) -> Comparison:
        """The comparison from a mapping that `card` made."""
        fields = {key: value for key, value in card.items() if key not in ("promotes", "verdict")}
        return cls(
            **fields
            | {
                "champion": _side_of(card["champion"]),
                "challenger": _side_of(card["challenger"]),
                "difference": Estimate(**card["difference"]),
                "rules": tuple(Rule(**rule) for rule in card["rules"]),
            }
        )


def compare_predictions(
    champion: tuple[str, Detector],
    challenger: tuple[str, Detector],
    predictions: Sequence[TilePredictions],
    tiles: Sequence[LabeledTile],
    promotion: PromotionOptions,
    evaluation: EvaluationOptions,
) -> Comparison:
    """Decide between two detectors by their predictions.

    Groups of scenes are drawn once for both (a paired bootstrap): a group that is hard for both
    does not count as a difference.

    Args:
        champion: Version and detector now in production.
        challenger: Version and detector that would replace it.
        predictions: Predictions of the champion, and of the challenger.
        tiles: The tiles, with true boxes.
        promotion: Conditions of the promotion.
        evaluation: Options that both predicted with.
    """
    names = class_names([champion[1], challenger[1]], tiles)
    metric = deciding_metric(promotion.metric, predictions[0].tiles)
    before, after = (sampled(own.tiles, names, metric, evaluation) for own in predictions)
    sides = (
        _side(*champion, before, predictions[0], evaluation),
        _side(*challenger, after, predictions[1], evaluation),
    )
    difference, spread = after.value - before.value, _spread(tiles)
    differences = after.samples - before.samples
    differences = differences[np.isfinite(differences)]
    # With few groups, samples are too much alike to tell a better detector from a lucky one.
    differences = widened(difference, differences, spread, evaluation.bootstrap.level)
    share_better = float((differences > promotion.margin).mean())
    with_objects = len({tile.group for tile in tiles if len(tile.shapes)})
    return Comparison(
        *sides,
        metric=metric,
        difference=estimate(
            difference, after.samples - before.samples, evaluation.bootstrap, spread
        ),
        share_better=share_better,
        rules=(
            *_rules(*sides, share_better, spread.effective, promotion),
            _enough(with_objects, promotion),
        ),
        tiles=len(tiles),
        scenes=len({tile.scene_id for tile in tiles}),
    )


def _spread(tiles: Sequence[EvaluatedImage] | Sequence[LabeledTile]) -> GroupSpread:
    """The distribution of the true boxes over groups."""
    counts: Counter[str] = Counter()
    for tile in tiles:
        truth = tile.truth if isinstance(tile, EvaluatedImage) else tile.shapes
        counts[tile.group] += len(truth)
    return GroupSpread(np.array([counts[group] for group in sorted(counts)], dtype=np.intp))


def _side(
    version: str,
    detector: Detector,
    drawn: SampledMetric,
    predicted: TilePredictions,
    evaluation: EvaluationOptions,
) -> Side:
    return Side(
        version=version,
        weights_sha256=detector.weights_sha256,
        score=estimate(
            drawn.value, drawn.samples, evaluation.bootstrap, _spread(predicted.tiles), drawn.alone
        ),
        classes=drawn.classes,
        milliseconds=1000 * predicted.seconds,
    )


def _rules(
    champion: Side,
    challenger: Side,
    share_better: float,
    effective: float,
    promotion: PromotionOptions,
) -> tuple[Rule, ...]:
    is_better = share_better >= promotion.confidence
    few = "" if is_better or effective >= FEW_GROUPS else _WORTH.format(effective)
    worse = {name: champion.classes[name] - challenger.classes[name] for name in champion.classes}
    worst = max(worse, key=lambda name: worse[name])
    slowdown = challenger.milliseconds / champion.milliseconds
    return (
        Rule(
            f"better by more than {promotion.margin:g} in {promotion.confidence:.0%} of samples",
            f"in {share_better:.0%}{few}",
            is_better,
        ),
        Rule(
            f"worse by at most {promotion.class_floor:g} on any class",
            f"{-worse[worst]:+.3f} on {worst}",
            worse[worst] <= promotion.class_floor,
        ),
        Rule(
            f"at most {promotion.max_slowdown:g} times as slow",
            f"{slowdown:.2f} times",
            slowdown <= promotion.max_slowdown,
        ),
    )


def _enough(scenes: int, promotion: PromotionOptions) -> Rule:
    holds = scenes >= promotion.min_scenes
    remedy = "" if holds else "; pin more to test, under 'fractions' of the training"
    name = f"evaluated on at least {promotion.min_scenes} scenes with objects"
    return Rule(name, f"on {scenes}{remedy}", holds)


def _side_of(card: Mapping[str, Any]) -> Side:
    return Side(**{**card, "score": Estimate(**card["score"])})
