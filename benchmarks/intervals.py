"""How often the interval of a score holds the truth: on samples of images of which few hold most.

A population of 321 images is made, of which five hold about half of all objects, as in real
collections of satellite images (a few marinas among many lone ships), with a detector that is worse
where objects crowd. Samples of it are scored, and the share of their intervals that hold the
population's own mAP50-95 is printed beside that of the plain percentile interval.

    python -m benchmarks.intervals
"""

from __future__ import annotations

import sys
from dataclasses import dataclass

import numpy as np

from utils.evaluation.bootstrap import (
    GroupSpread,
    average_precisions_of,
    draw_groups,
    estimate,
)
from utils.evaluation.evaluated_images import EvaluatedImage
from utils.evaluation.matching import ClassMatches, match_classes
from utils.evaluation.options import BootstrapOptions
from utils.geometry import FloatArray, Window
from utils.shapes.shapes import Shapes

IMAGES, CROWDED = 321, 5
SIZES = (20, 60, 120)
SAMPLES = 200
LEAST_COVERAGE, AT = 0.9, 60
OPTIONS = BootstrapOptions(samples=200)
SIDE = 1000
# By how much a detector is worse on crowded images: not at all, somewhat, and much.
SLOPES = (0.0, 0.3, 0.6)


def object_counts(rng: np.random.Generator) -> list[int]:
    """Objects in each image: mostly one to four, and five images with about half of all."""
    few = 1 + rng.poisson(rng.gamma(0.6, 1.6, IMAGES - CROWDED))
    shares = np.array([0.45, 0.2, 0.13, 0.12, 0.1])
    return [*few.tolist(), *np.round(few.sum() * shares).astype(int).tolist()]


def evaluated_image(
    number: int, objects: int, slope: float, rng: np.random.Generator
) -> EvaluatedImage:
    """An image with its true boxes and what a detector of uneven quality found."""
    corner = rng.uniform(0, SIDE - 60, (objects, 2))
    truth = np.hstack([corner, corner + rng.uniform(8, 60, (objects, 2))])
    chance = 1 / (1 + np.exp(slope * np.log(objects) - 1.6 + rng.normal(0, 0.5)))
    hits = truth[rng.random(objects) < chance]
    sizes = np.tile(hits[:, 2:] - hits[:, :2], 2)
    found = hits + rng.normal(0, 0.1 * (1.3 - chance), hits.shape) * sizes
    false = rng.poisson((1 - chance) * objects + 0.2)
    corner = rng.uniform(0, SIDE - 60, (false, 2))
    boxes = np.vstack([found, np.hstack([corner, corner + rng.uniform(8, 60, (false, 2))])])
    scores = np.concatenate(
        [rng.normal(0.3 + 0.5 * chance, 0.18, len(found)), rng.normal(0.3, 0.18, false)]
    )
    seen = Shapes(boxes, ("ship",) * len(boxes), scores.clip(0.01, 0.99))
    window = Window(x=0, y=0, width=SIDE, height=SIDE)
    name = f"{number:04}"
    return EvaluatedImage(name, name, window, Shapes(truth, ("ship",) * objects), seen)


@dataclass(frozen=True, slots=True)
class Coverage:
    """The share of intervals that hold the truth, and their median width."""

    plain: float
    plain_width: float
    own: float
    own_width: float


def coverage(matches: ClassMatches, size: int, rng: np.random.Generator) -> Coverage:
    """How often the intervals of samples of some size hold the population's score."""
    images = len(matches.true_boxes)
    (truth,) = _scores(matches, np.ones((1, images)))
    rows = []
    for _ in range(SAMPLES):
        chosen = rng.choice(images, size, replace=False)
        weights = np.zeros((1 + OPTIONS.samples + size, images))
        weights[0, chosen] = 1
        weights[1:-size, chosen] = draw_groups(size, OPTIONS)
        weights[-size:, chosen] = np.eye(size)
        scores = _scores(matches, weights)
        samples = scores[1:-size]
        low, high = np.nanquantile(samples, [0.025, 0.975])
        spread = GroupSpread(matches.true_boxes[chosen])
        ends = estimate(float(scores[0]), samples, OPTIONS, spread, scores[-size:]).ends
        assert ends is not None
        rows.append(
            (low <= truth <= high, high - low, ends[0] <= truth <= ends[1], ends[1] - ends[0])
        )
    plain, plain_widths, own, own_widths = np.array(rows, dtype=float).T
    return Coverage(
        plain.mean(), float(np.median(plain_widths)), own.mean(), float(np.median(own_widths))
    )


def _scores(matches: ClassMatches, weights: FloatArray) -> FloatArray:
    return np.asarray(average_precisions_of(matches, weights).mean(axis=1))


def main() -> int:
    """Print the table; 1 where too few intervals hold the truth."""
    print(f"intervals of mAP50-95 at 95 %, {SAMPLES} samples each: held (median width)")
    print(f"{'worse where crowded':>20} {'images':>7} {'percentile':>16} {'Spyglass':>16}")
    worst = 1.0
    for slope in SLOPES:
        rng = np.random.default_rng(0)
        population = [
            evaluated_image(number, objects, slope, rng)
            for number, objects in enumerate(object_counts(rng))
        ]
        matches = match_classes(population, ["ship"])["ship"]
        for size in SIZES:
            found = coverage(matches, size, rng)
            print(
                f"{slope:>20g} {size:>7} {found.plain:>8.0%} ({found.plain_width:.2f}) "
                f"{found.own:>9.0%} ({found.own_width:.2f})",
                flush=True,
            )
            worst = min(worst, found.own) if size == AT else worst
    print(f"at {AT} images at least {worst:.0%} hold the truth (bar: {LEAST_COVERAGE:.0%})")
    return int(worst < LEAST_COVERAGE)


if __name__ == "__main__":
    sys.exit(main())
