"""Surveys by the thousand: whether the intervals hold the truth, and how many reviews they save.

Populations whose truth is known and hidden: tiles of synthetic harbours, and the real satellite
images of ships of the shared data, with a detector that learned from other tiles, and with
detectors made by degrading the truth: good, middling, bad, and a useless one whose boxes belong to
other tiles. Each is surveyed 1,000 times, at a fixed number of reviews, and by people who look
after every ten reviews and stop as soon as the interval is narrow enough. Beside it, on the same
tiles: the plain random sample, DISCount, and prediction-powered inference. Usage:

    python -m benchmarks.counting [--surveys 1000]
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from benchmarks.bars import Bar, exit_code
from benchmarks.counting_tiles import Population, harbours, populations, ships
from benchmarks.mosaic import shared_data
from utils.counting.design import draw_order, draw_probabilities
from utils.counting.estimator import (
    Tally,
    conditional_probabilities,
    slopes,
    spread_of,
    unbiased_counts,
)
from utils.counting.intervals import (
    IntervalKind,
    estimate,
    object_weight,
    student_quantile,
)
from utils.geometry import FloatArray

LEVEL, WANTED = 0.95, 0.1
REVIEWS, LOOK_EVERY, SAME_WIDTH_SURVEYS = 80, 10, 100
LOWEST, HIGHEST, WHEN_STOPPED, MOST_TILES, ENOUGH_MAP50 = 0.93, 0.97, 0.95, 1 / 3, 0.5


def main(arguments: Sequence[str]) -> int:
    """Survey all populations; returns 1 where a bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--surveys", type=int, default=1000)
    surveys = parser.parse_args(arguments).surveys
    data = shared_data()
    weights = data / "weights" / "yolov8n.pt"
    if not weights.is_file():
        print(f"counting: not measured, since there are no weights in {data}")
        return 0
    torch.set_num_threads(1)  # threads that wait for each other take minutes on a busy machine
    images = {"harbours": harbours(weights)}
    if (data / "ships" / "train.txt").is_file():
        images["ships"] = ships(data / "ships", weights)
    bars: list[Bar] = []
    for name, tiles in images.items():
        for population in populations(name, tiles):
            bars += survey(population, surveys)
    return exit_code("Counting", bars)


@dataclass(frozen=True, slots=True)
class Outcome:
    """Surveys of one population by one method.

    Attributes:
        held: Share of the intervals that hold the truth, at a fixed number of reviews.
        width: Median half width there, as a share of the truth.
        held_stopping: Share that holds it when people stop as soon as the width suits.
        stopped_at: Median number of reviews at which they stop.
    """

    held: float
    width: float
    held_stopping: float
    stopped_at: float


# A survey gives, after each number of reviews asked for, the limits of both kinds of interval.
Limits = FloatArray
Method = Callable[[Population, np.random.Generator, Sequence[int], IntervalKind], Limits]


def survey(population: Population, surveys: int) -> list[Bar]:
    """Survey a population by all methods, print the table, and return the bars."""
    size = len(population.truth)
    reviews = min(REVIEWS, size // 2)
    looks = [*range(LOOK_EVERY, size, LOOK_EVERY)]
    found = {
        name: outcome(population, method, reviews, looks, surveys)
        for name, method in METHODS.items()
    }
    tiles = same_width(population, reviews, surveys)
    show(population, found, reviews, tiles)
    told = f"{population.name}, {population.detector}"
    ours = found["Spyglass"]
    bars = [
        Bar(f"{told}: held at {reviews} reviews", ours.held, LOWEST, at_least=True),
        Bar(f"{told}: held at {reviews} reviews", ours.held, HIGHEST),
        Bar(f"{told}: held when stopped", ours.held_stopping, WHEN_STOPPED, at_least=True),
    ]
    if population.map50 >= ENOUGH_MAP50:
        bars.append(Bar(f"{told}: tiles to those of a plain sample", tiles, MOST_TILES))
    return bars


def outcome(
    population: Population, method: Method, reviews: int, looks: Sequence[int], surveys: int
) -> Outcome:
    """Repeat a survey with other random numbers."""
    held, widths, stopped, at = [], [], [], []
    for seed in range(surveys):
        rng = np.random.default_rng(seed)
        ((low, high),) = method(population, rng, [reviews], "fixed")
        held.append(low <= population.total <= high)
        widths.append((high - low) / 2 / population.total)
        limits = method(population, np.random.default_rng(seed), looks, "every_look")
        middle, half = limits.mean(axis=1), (limits[:, 1] - limits[:, 0]) / 2
        enough = np.flatnonzero(half <= WANTED * np.maximum(middle, 1e-9))
        last = int(enough[0]) if len(enough) else len(looks) - 1
        stopped.append(limits[last, 0] <= population.total <= limits[last, 1])
        at.append(looks[last])
    means = float(np.mean(held)), float(np.median(widths)), float(np.mean(stopped))
    return Outcome(*means, float(np.median(at)))


def spyglass(
    population: Population, rng: np.random.Generator, looks: Sequence[int], kind: IntervalKind
) -> Limits:
    """The estimator of `utils.counting`."""
    truth, predicted = population.truth, population.predicted
    probabilities = draw_probabilities(predicted[:, None])
    order = draw_order(probabilities, [int(rng.integers(1 << 31))])[: max(looks)]
    conditional = conditional_probabilities(probabilities[order])
    tally = Tally(predicted[order], truth[order], float(predicted.sum()))
    slope = slopes(tally, conditional, spread_of(predicted, probabilities))
    counts = unbiased_counts(tally, conditional, slope)
    found = np.cumsum(truth[order])
    weight = object_weight(probabilities)
    return _limits(counts, found, weight, len(truth), looks, kind)


def plain(
    population: Population, rng: np.random.Generator, looks: Sequence[int], kind: IntervalKind
) -> Limits:
    """The mean of a random sample; the same intervals, with nothing predicted."""
    size = len(population.truth)
    order = rng.permutation(size)[: max(looks)]
    even = np.full(size, 1 / size)
    conditional = conditional_probabilities(even[order])
    reviewed = population.truth[order]
    tally = Tally(np.zeros(len(order)), reviewed, 0.0)
    counts = unbiased_counts(tally, conditional, np.zeros(len(order)))
    return _limits(counts, np.cumsum(reviewed), float(size), size, looks, kind)


def _limits(
    counts: FloatArray,
    found: FloatArray,
    weight: float,
    size: int,
    looks: Sequence[int],
    kind: IntervalKind,
) -> Limits:
    rows = []
    for draws in looks:
        one = estimate(
            counts[:draws], size, weight, kind=kind, level=LEVEL, found=float(found[draws - 1])
        )
        rows.append((one.low, one.high))
    return np.array(rows, dtype=float)


def discount(
    population: Population, rng: np.random.Generator, looks: Sequence[int], kind: IntervalKind
) -> Limits:
    """DISCount: tiles drawn in proportion to the predicted count, with replacement."""
    # A hundredth of the mean lets tiles without predictions be drawn at all.
    weights = population.predicted + 0.01 * population.predicted.mean()
    probabilities = weights / weights.sum()
    drawn = rng.choice(len(weights), max(looks), p=probabilities)
    return _student(population.truth[drawn] / probabilities[drawn], looks, kind)


def prediction_powered(
    population: Population, rng: np.random.Generator, looks: Sequence[int], kind: IntervalKind
) -> Limits:
    """Prediction-powered inference with a tuned weight of the predictions, on a random sample."""
    size = len(population.truth)
    order = rng.permutation(size)[: max(looks)]
    rows = []
    for draws in looks:
        truth, predicted = population.truth[order[:draws]], population.predicted[order[:draws]]
        variance = predicted.var(ddof=1)
        weight = np.cov(truth, predicted)[0, 1] / variance if variance > 0 else 0.0
        errors = size * (truth - weight * predicted) + weight * population.predicted.sum()
        left = 1 - draws / size
        rows.append(_student(errors, [draws], kind, left)[0])
    return np.array(rows)


def _student(
    counts: FloatArray, looks: Sequence[int], kind: IntervalKind, left: float = 1.0
) -> Limits:
    """Student's interval; at every look by the same confidence sequence as ours."""
    rows = []
    for draws in looks:
        some = counts[:draws]
        half = student_quantile(kind, LEVEL, draws) * some.std(ddof=1) * np.sqrt(left / draws)
        rows.append((some.mean() - half, some.mean() + half))
    return np.array(rows)


METHODS: dict[str, Method] = {
    "Spyglass": spyglass,
    "plain sample": plain,
    "DISCount": discount,
    "PPI": prediction_powered,
}


def same_width(population: Population, reviews: int, surveys: int) -> float:
    """Number of reviews that gives the width of a plain sample, as a share of its reviews."""
    looks = [*range(10, reviews + 1, 2)]
    some = range(min(surveys, SAME_WIDTH_SURVEYS))
    ours = np.array([_widths(spyglass, population, seed, looks) for seed in some])
    theirs = np.array([_widths(plain, population, seed, [reviews]) for seed in some])
    enough = np.flatnonzero(np.median(ours, axis=0) <= np.median(theirs))
    return (looks[int(enough[0])] if len(enough) else reviews) / reviews


def _widths(method: Method, population: Population, seed: int, looks: Sequence[int]) -> FloatArray:
    limits = method(population, np.random.default_rng(seed), looks, "fixed")
    return np.asarray(limits[:, 1] - limits[:, 0])


def show(population: Population, found: dict[str, Outcome], reviews: int, tiles: float) -> None:
    """Print the methods side by side."""
    title = (
        f"{population.name}, {population.detector} detector (mAP50 {population.map50:.2f}): "
        f"{population.total:,.0f} objects on {len(population.truth)} tiles, "
        f"{population.predicted.sum():,.0f} predicted, {population.crowded:.0%} on the fullest "
        f"five; {tiles:.0%} of the reviews of a plain sample"
    )
    table = Table(
        "method", f"held at {reviews}", "half width", "held when stopped", "stopped at", title=title
    )
    for name, one in found.items():
        table.add_row(
            name,
            f"{one.held:.1%}",
            f"{one.width:.1%}",
            f"{one.held_stopping:.1%}",
            f"{one.stopped_at:.0f}",
        )
    Console(width=110).print(table)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
