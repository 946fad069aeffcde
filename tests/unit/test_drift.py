"""Drift is told from chance: by scipy's distances, by what samples are worth, at a stated rate."""

from __future__ import annotations

import shlex

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from commands.arguments import parse_arguments
from commands.requests import RunLoop
from commands.runs.execution import plan_runs
from utils.geometry import FloatArray
from utils.images.measures import measures_of
from utils.monitoring.distances import (
    independent_values,
    ks_distance,
    wasserstein_distance,
)
from utils.monitoring.drift import Drift, drifts_of
from utils.monitoring.options import DriftOptions
from utils.monitoring.quantities import OF_OBJECTS, OF_WINDOWS
from utils.monitoring.verdict import MORE_SCENES, Samples, Verdict, verdict_of

# Rounded, so that there are equal values.
VALUES = st.lists(st.integers(-50, 50), min_size=2, max_size=60).map(
    lambda whole: np.array(whole) / 4
)


@settings(deadline=None)
@given(VALUES, VALUES)
def test_distances_are_those_of_scipy(one: FloatArray, other: FloatArray) -> None:
    expected = stats.ks_2samp(one, other, method="asymp").statistic
    assert ks_distance(one, other) == pytest.approx(expected, abs=1e-12)
    expected = stats.wasserstein_distance(one, other)
    assert wasserstein_distance(one, other) == pytest.approx(expected, abs=1e-9)


def grouped(random: np.random.Generator, groups: int, size: int, alike: float) -> FloatArray:
    """Normal values in groups whose members have a correlation of `alike`."""
    of_groups = random.normal(size=(groups, 1)) * np.sqrt(alike)
    return np.asarray((of_groups + random.normal(size=(groups, size)) * np.sqrt(1 - alike)).ravel())


def test_alike_values_are_worth_fewer() -> None:
    random = np.random.default_rng(0)
    alone = independent_values(random.normal(size=2000))
    assert 1500 < alone <= 2000
    # The design effect of groups of 20 with a correlation of 0.5 is 1 + 19 * 0.5.
    assert independent_values(grouped(random, 200, 20, 0.5)) == pytest.approx(4000 / 10.5, rel=0.3)
    assert independent_values(np.ones(50)) == 50
    assert independent_values(np.repeat(random.normal(size=3), 400)) < 10


def alarms(kind: str, looks: int) -> float:
    """The share of looks at undrifted values that find drift in one of four quantities."""
    random = np.random.default_rng(18)
    options = DriftOptions(false_alarms=0.05, least_ks=0, least_wasserstein=0)

    def sample(groups: int) -> dict[str, FloatArray]:
        alike = {"alone": 0.0, "in scenes": 0.4}[kind]
        return {name: grouped(random, groups, 10, alike) for name in "abcd"}

    found = [
        any(one.found for one in drifts_of(sample(20), sample(10), options, 100))
        for _ in range(looks)
    ]
    return float(np.mean(found))


@pytest.mark.parametrize("kind", ["alone", "in scenes"])
def test_undrifted_values_alarm_no_oftener_than_stated(kind: str) -> None:
    looks = 60
    # Three standard errors above the stated 5 %.
    assert alarms(kind, looks) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / looks)


def test_samples_of_few_scenes_alarm_no_oftener_than_stated() -> None:
    random, options = np.random.default_rng(18), DriftOptions(false_alarms=0.05)

    def drifted(groups: tuple[int, int] | None) -> bool:
        reference, current = (grouped(random, count, 16, 0.4) for count in (6, 3))
        (found,) = drifts_of({"score": reference}, {"score": current}, options, 48, groups)
        return found.found

    looks = 100
    assert sum(drifted((6, 3)) for _ in range(looks)) <= 5
    assert sum(drifted(None) for _ in range(looks)) > 5  # without their number it is not known


def test_a_large_sample_does_not_make_a_small_difference_drift() -> None:
    random = np.random.default_rng(0)
    reference, current = random.normal(size=20_000), random.normal(0.05, size=20_000)
    (found,) = drifts_of({"score": reference}, {"score": current}, DriftOptions(), 20_000)
    assert found.p_value < 1e-4
    assert not found.found


@pytest.mark.parametrize(
    ("mean", "spread"), [pytest.param(1, 1, id="moved"), pytest.param(0, 3, id="spread out")]
)
def test_a_large_difference_is_drift(mean: float, spread: float) -> None:
    random = np.random.default_rng(0)
    reference, current = random.normal(size=200), random.normal(mean, spread, size=150)
    (found,) = drifts_of({"score": reference}, {"score": current}, DriftOptions(), 150)
    assert found.found


def test_a_few_windows_are_not_enough() -> None:
    zeros, ones = np.zeros(100), np.ones(100)
    options = DriftOptions(least_windows=50)
    (few,) = drifts_of({"score": zeros}, {"score": ones}, options, 49)
    (enough,) = drifts_of({"score": zeros}, {"score": ones}, options, 50)
    assert (few.found, enough.found) == (False, True)


@pytest.mark.parametrize("shape", [(1, 1), (2, 5), (3, 3), (640, 640), (1000, 30)])
def test_measures_of_a_flat_image(shape: tuple[int, int]) -> None:
    found = measures_of(np.full((*shape, 3), 51, dtype=np.uint8))
    assert found.brightness == pytest.approx(0.2, abs=1e-6)
    assert found.contrast == pytest.approx(0, abs=1e-6)
    assert found.sharpness == 0


def test_measures_tell_night_haze_and_blur() -> None:
    random = np.random.default_rng(0)
    sharp = np.repeat(np.repeat(random.integers(0, 256, (80, 80, 3)), 8, 0), 8, 1).astype(np.uint8)
    night, haze = (sharp // 4).astype(np.uint8), (sharp // 2 + 100).astype(np.uint8)
    blur = (sharp.astype(np.uint16) + np.roll(sharp, 1, 0) + np.roll(sharp, 2, 0)) // 3
    usual = measures_of(sharp)
    assert measures_of(night).brightness < usual.brightness / 3
    assert measures_of(haze).contrast < usual.contrast / 1.8
    assert measures_of(blur.astype(np.uint8)).sharpness < usual.sharpness


def of_few_scenes(scenes: int, tiles: int = 12, windows: int = 90) -> Drift:
    """The brightness of windows at night, beside tiles by day from some scenes."""
    random = np.random.default_rng(3)
    reference = random.normal(0.2, 0.03, scenes * tiles)
    current = random.normal(0.16, 0.03, windows)
    names = ["brightness", *OF_OBJECTS, *OF_WINDOWS]  # the limit is shared out among them
    values = dict.fromkeys(names, reference), dict.fromkeys(names, current)
    return drifts_of(*values, DriftOptions(), windows, (scenes, windows))[0]


def verdict(found: Drift, scenes: int, windows: int = 90) -> Verdict:
    samples = Samples(windows, windows, scenes * 12, scenes)
    return verdict_of([found], samples, DriftOptions())


@pytest.mark.parametrize("scenes", [1, 3, 4])
def test_a_test_split_of_few_scenes_gives_no_verdict_and_says_what_to_do(scenes: int) -> None:
    found = of_few_scenes(scenes)
    assert found.ks > 0.5
    assert (found.found, found.can_be_found, found.can_be_judged) == (False, False, False)
    told = verdict(found, scenes)
    assert (told.kind, told.is_lacking) == ("blind", True)
    assert f"come from {scenes} scene" in told.sentence
    assert f"About {found.least_groups} scenes would do." in told.sentence
    assert MORE_SCENES in told.sentence


def test_the_command_that_moves_scenes_to_test_can_be_typed() -> None:
    (run,) = parse_arguments(shlex.split(MORE_SCENES)[2:]).requests
    assert isinstance(run, RunLoop)
    (planned,) = plan_runs(run)
    assert planned.configuration.parameters["fractions"].pinned.test == ("SCENE", "SCENE")


def test_with_as_many_scenes_as_are_named_the_same_night_is_drift() -> None:
    scenes = of_few_scenes(4).least_groups
    assert 4 < scenes < 20
    found = of_few_scenes(scenes)
    assert (found.found, found.least_groups) == (True, 0)
    assert verdict(found, scenes).sentence == "drifted: Brightness."


def test_windows_that_are_too_alike_are_named_where_the_test_split_suffices() -> None:
    random = np.random.default_rng(0)
    values = {"score": random.normal(size=400)}, {"score": np.repeat(random.normal(size=2), 20)}
    (found,) = drifts_of(*values, DriftOptions(), 40, (100, 2))
    told = verdict_of([found], Samples(40, 2, 400, 100), DriftOptions())
    assert told.kind == "blind"
    assert "the 40 windows of 2 requests or scenes are worth" in told.sentence
    assert "--monitor --set monitoring.period.windows=160" in told.sentence


def test_a_verdict_tells_too_few_windows_from_no_drift() -> None:
    random = np.random.default_rng(0)

    def told(windows: int, scenes: int = 100) -> Verdict:
        tiles = scenes * 12
        values = {"score": random.normal(size=tiles)}, {"score": random.normal(size=windows)}
        found = drifts_of(*values, DriftOptions(), windows, (scenes, windows))
        return verdict_of(found, Samples(windows, windows, tiles, scenes), DriftOptions())

    assert told(5) == Verdict("waits", "no verdict: 5 windows of the 20 that it takes.")
    assert told(5, scenes=2).kind == "blind"  # more windows alone would not do
    assert told(90).kind == "no drift"
    assert told(90).sentence.startswith("no drift in 1 quantity of 90 windows")


def test_quantities_without_a_verdict_are_named_beside_the_others() -> None:
    random = np.random.default_rng(0)
    usual = {"score": random.normal(size=3000), "brightness": random.normal(size=16)}
    now = {"score": random.normal(size=900), "brightness": random.normal(size=90)}
    told = verdict_of(
        drifts_of(usual, now, DriftOptions(), 90, (6, 90)), Samples(90, 90, 16, 6), DriftOptions()
    )
    assert (told.kind, told.is_lacking) == ("partly blind", True)
    assert told.sentence.startswith("no drift in 1 quantity of 90 windows")
    assert "no verdict on Brightness: " in told.sentence
