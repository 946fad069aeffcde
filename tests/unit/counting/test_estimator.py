"""Unbiased counts: over all orders of the draws, the mean is the truth exactly."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from utils.counting.design import draw_order, draw_probabilities
from utils.counting.estimator import (
    Tally,
    conditional_probabilities,
    slopes,
    spread_of,
    unbiased_counts,
)
from utils.counting.intervals import (
    LEAST_DRAWS,
    Interval,
    draw_weights,
    draws_wanted,
    estimate,
    object_weight,
    risk_at,
)

counts = st.lists(st.integers(0, 6), min_size=4, max_size=5)


def mean_over_all_orders(
    truth: list[int], predicted: list[int], draws: int, uniform_share: float
) -> float:
    """The expectation of the estimate, by every order that the draws can have."""
    f, g = np.array(truth, dtype=float), np.array(predicted, dtype=float)
    q = draw_probabilities(g[:, None], uniform_share)
    spread = spread_of(g, q)
    total = 0.0
    for order in permutations(range(len(f)), draws):
        drawn = list(order)
        conditional = conditional_probabilities(q[drawn])
        tally = Tally(g[drawn], f[drawn], float(g.sum()))
        slope = slopes(tally, conditional, spread)
        z = unbiased_counts(tally, conditional, slope)
        total += conditional.prod() * float(draw_weights(draws, len(f)) @ z)
    return total


@settings(max_examples=30, deadline=None)
@given(st.data(), counts, st.integers(1, 4), st.floats(0.05, 1))
def test_the_mean_over_all_orders_of_the_draws_is_the_true_count(
    data: st.DataObject, truth: list[int], draws: int, uniform_share: float
) -> None:
    size = len(truth)
    predicted = data.draw(st.lists(st.integers(0, 6), min_size=size, max_size=size))
    assert mean_over_all_orders(truth, predicted, draws, uniform_share) == pytest.approx(sum(truth))


def test_a_perfect_detector_gives_the_true_count_at_each_draw() -> None:
    truth = np.array([3.0, 0, 1, 5])
    q = draw_probabilities(truth[:, None])
    conditional = conditional_probabilities(q)
    tally = Tally(truth, truth, 9.0)
    slope = slopes(tally, conditional, spread_of(truth, q))
    assert slope == pytest.approx(np.ones(4))
    assert unbiased_counts(tally, conditional, slope) == pytest.approx(np.full(4, 9.0))


def test_the_weight_of_the_predictions_never_knows_the_draw_that_it_is_used_for() -> None:
    rng = np.random.default_rng(0)
    f, g = rng.poisson(2, 60).astype(float), rng.poisson(2, 60).astype(float)
    q = draw_probabilities(g[:, None])
    other = f.copy()
    other[30:] += 50
    first, second = (
        slopes(Tally(g, known, float(g.sum())), conditional_probabilities(q), spread_of(g, q))
        for known in (f, other)
    )
    assert first[:31] == pytest.approx(second[:31])
    assert first[31] != second[31]


def test_the_weight_of_a_useless_detector_falls_to_nothing_and_of_a_blind_one_rises() -> None:
    rng = np.random.default_rng(1)
    truth = rng.gamma(0.5, 4, 800).round()

    def last_slope(predicted: np.ndarray) -> float:
        q = draw_probabilities(predicted[:, None])
        order = draw_order(q, [0])[:400]
        tally = Tally(predicted[order], truth[order], float(predicted.sum()))
        conditional = conditional_probabilities(q[order])
        return float(slopes(tally, conditional, spread_of(predicted, q))[-1])

    assert last_slope(rng.permutation(truth)) < 0.3
    assert last_slope(np.floor(truth / 2)) > 1.7
    assert last_slope(truth) == 1


def test_tiles_with_more_predictions_are_drawn_sooner_and_none_never() -> None:
    predicted = np.array([[0.0], [1.0], [100.0]])
    q = draw_probabilities(predicted)
    assert q.sum() == pytest.approx(1)
    assert q[0] < q[1] < q[2]
    assert q.min() > 0.1 / 3
    assert draw_probabilities(predicted, uniform_share=1) == pytest.approx(np.full(3, 1 / 3))


def test_half_of_the_draws_seek_each_class_in_turn_so_that_a_rare_one_is_seen() -> None:
    predicted = np.zeros((100, 2))
    predicted[:, 0] = 10
    predicted[0, 1] = 1
    alone = draw_probabilities(predicted[:, :1])
    assert draw_probabilities(predicted)[0] > 2 * alone[0]


def test_draws_follow_their_probabilities_and_the_same_seed_gives_the_same_order() -> None:
    q = np.array([0.5, 0.3, 0.2])
    firsts = [int(draw_order(q, [seed])[0]) for seed in range(4000)]
    assert np.bincount(firsts) / 4000 == pytest.approx(q, abs=0.025)
    assert draw_order(q, [7, 1]).tolist() == draw_order(q, [7, 1]).tolist()
    orders = {tuple(draw_order(q, [7, survey]).tolist()) for survey in range(20)}
    assert len(orders) > 1


def population(
    detector: str, rng: np.random.Generator, size: int = 800
) -> tuple[np.ndarray, np.ndarray]:
    truth = rng.poisson(rng.gamma(0.4, 5, size)).astype(float)
    if detector == "useless":
        return truth, rng.permutation(truth)
    recall, false = {"good": (0.95, 0.05), "middling": (0.75, 0.3), "bad": (0.4, 1.0)}[detector]
    found = rng.binomial(truth.astype(int), recall) + rng.poisson(false, size)
    return truth, found.astype(float)


def surveyed(
    truth: np.ndarray, predicted: np.ndarray, seed: int, looks: list[int], kind: str
) -> list[Interval]:
    q = draw_probabilities(predicted[:, None])
    order = draw_order(q, [seed])[: max(looks)]
    conditional = conditional_probabilities(q[order])
    tally = Tally(predicted[order], truth[order], float(predicted.sum()))
    z = unbiased_counts(tally, conditional, slopes(tally, conditional, spread_of(predicted, q)))
    found = np.cumsum(truth[order])
    return [
        estimate(z[:n], len(truth), object_weight(q), kind=kind, found=float(found[n - 1]))
        for n in looks
    ]


@pytest.mark.parametrize("detector", ["good", "middling", "bad", "useless"])
def test_95_percent_intervals_hold_the_truth_whatever_the_detector(detector: str) -> None:
    truth, predicted = population(detector, np.random.default_rng(5))
    held = [
        one.low <= truth.sum() <= one.high
        for seed in range(300)
        for one in surveyed(truth, predicted, seed, [80], "fixed")
    ]
    assert 0.92 <= np.mean(held) <= 0.985


@pytest.mark.parametrize("detector", ["middling", "useless"])
def test_whoever_stops_as_soon_as_the_width_suits_still_has_an_interval_that_holds(
    detector: str,
) -> None:
    truth, predicted = population(detector, np.random.default_rng(6))
    looks = [*range(10, 301, 10)]
    held = []
    for seed in range(100):
        intervals = surveyed(truth, predicted, seed, looks, "every_look")
        stopped = next((one for one in intervals if one.relative < 0.2), intervals[-1])
        held.append(stopped.low <= truth.sum() <= stopped.high)
    assert np.mean(held) >= 0.95


def test_an_interval_never_has_a_width_of_zero_before_all_tiles_are_drawn() -> None:
    nothing_found = estimate(np.full(30, 12.0), 100, object_weight=100.0, found=3.0)
    assert nothing_found.low is not None
    assert nothing_found.high is not None
    assert nothing_found.low < 12 < nothing_found.high
    few = estimate(np.full(LEAST_DRAWS - 1, 12.0), 100, object_weight=100.0)
    assert few == Interval(12.0)
    assert estimate(np.full(100, 12.0), 100, 100.0, found=12.0) == Interval(12.0, 12.0, 12.0)


def test_the_count_is_never_below_what_people_found() -> None:
    rng = np.random.default_rng(0)
    interval = estimate(rng.normal(5, 40, 20), 100, 50.0, found=17.0)
    assert interval.low == 17.0
    assert interval.estimate >= 17.0


def test_skewed_counts_widen_the_side_of_the_rare_large_errors() -> None:
    z = np.zeros(40)
    z[:2] = 200
    one = estimate(z + 500, 10_000, 1.0, kind="fixed")
    assert one.low is not None
    assert one.high is not None
    assert one.high - one.estimate > 1.2 * (one.estimate - one.low)


def test_an_interval_for_every_look_costs_about_half_of_the_width_more() -> None:
    z = np.random.default_rng(0).normal(500, 50, 100)
    fixed, always = (estimate(z, 10**6, 1.0, kind=kind) for kind in ("fixed", "every_look"))
    assert fixed.half_width is not None
    assert always.half_width is not None
    assert 1.4 < always.half_width / fixed.half_width < 1.7
    assert (risk_at(np.arange(10, 1000), 0.95) < 0.05).all()


def test_the_reviews_still_to_come_are_foretold() -> None:
    rng = np.random.default_rng(3)
    z = rng.normal(1000, 800, 2000)
    looks = {n: estimate(z[:n], 10**6, 1.0, kind="every_look") for n in (50, 2000)}
    told = draws_wanted(looks[50], 50, 10**6, 0.1, "every_look", 0.95)
    assert told is not None
    reached = next(
        n for n in range(50, 2000) if estimate(z[:n], 10**6, 1.0, kind="every_look").relative <= 0.1
    )
    assert told == pytest.approx(reached, rel=0.35)
    assert draws_wanted(looks[2000], 2000, 10**6, 0.1, "every_look", 0.95) == 2000
    assert draws_wanted(Interval(5.0), 3, 100, 0.1, "fixed", 0.95) is None
    assert draws_wanted(looks[50], 50, 60, 0.001, "fixed", 0.95) == 60
