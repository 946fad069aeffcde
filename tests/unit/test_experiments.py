"""Experiments side by side say what differs, and when their scores may not be compared."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.evaluations import make_evaluation
from utils.detection.detector import Detector
from utils.evaluation.evaluation import Evaluation
from utils.evaluation.experiments import (
    Experiment,
    comparison,
    flattened,
    training_seconds,
    warnings_about,
)
from utils.reports.experiments_page import experiments_page

HISTORY = tuple(
    {"time": 10.0 * number, "metrics/mAP50": 0.1 * number, "metrics/mAP50-95": 0.05 * number}
    for number in range(1, 4)
)


@pytest.fixture
def make_experiment(tmp_path):
    def make(tiles: str = "a" * 64, mistakes: int = 0, **parameters: object) -> Experiment:
        evaluation: Evaluation = replace(
            make_evaluation(tmp_path / str(mistakes), mistakes=mistakes), tiles_fingerprint=tiles
        )
        weights = Path("best.pt")
        detector = Detector(
            weights, weights, ("ship",), "detect", 64, "", {"device": "cpu"}, {}, 3, "f" * 64, "r"
        )
        detector = replace(detector, history=HISTORY, mlflow_run_id="recorded")
        return Experiment("run", "model 1", parameters, detector, {"train": 5}, evaluation)

    return make


def rows(experiments, heading):
    (part,) = [part for part in comparison(experiments) if part.heading == heading]
    return part.rows


def test_parameters_that_are_the_same_are_left_out(make_experiment):
    pair = [make_experiment(lr=0.0005, epochs=3), make_experiment(lr=0.01, epochs=3, frozen=10)]
    assert rows(pair, "Parameters that differ") == {"lr": ["0.0005", "0.01"], "frozen": ["-", "10"]}


def test_scores_come_with_their_intervals_and_by_class(make_experiment):
    pair = [make_experiment(mistakes=1), make_experiment(mistakes=0)]
    better = pair[1].evaluation.tile_scores
    assert rows(pair, "Scores on unseen tiles")["mAP50"][1] == "1.000 (1.000 to 1.000)"
    assert (
        rows(pair, "Scores by class")["ship, mAP50-95"][1]
        == f"{better.classes['ship'].map50_95:.3f}"
    )


@pytest.mark.parametrize(
    ("tiles", "warning"),
    [
        pytest.param(("a", "a"), None, id="the same tiles"),
        pytest.param(("a", "b"), "cannot be compared", id="other tiles"),
        pytest.param(("a", ""), "earlier version of Spyglass evaluated B", id="tiles unknown"),
    ],
)
def test_scores_on_other_tiles_come_with_a_warning(make_experiment, tiles, warning):
    found = warnings_about([make_experiment(print_) for print_ in tiles])
    assert [warning in one for one in found] == ([True] if warning else [])
    page = experiments_page([make_experiment(print_) for print_ in tiles])
    assert ('class="warning"' in page) == bool(warning)


def test_a_training_without_an_evaluation_is_named(make_experiment):
    pair = [make_experiment(), replace(make_experiment(), evaluation=None)]
    assert warnings_about(pair) == [
        "There is no evaluation of B that this version of Spyglass can read."
    ]
    assert rows(pair, "Scores on unseen tiles")["mAP50"][1] == "-"


def test_an_interrupted_training_costs_what_both_parts_took(make_experiment):
    assert training_seconds([{"time": 10.0}, {"time": 18.0}, {"time": 9.0}]) == [10, 8, 9]
    assert rows([make_experiment()], "Cost")["seconds per epoch"] == ["10.0"]


def test_detectors_of_earlier_versions_have_no_curves_and_no_times(make_experiment):
    older = make_experiment()
    older = replace(older, detector=replace(older.detector, history=()))
    assert "training" not in rows([older, older], "Cost")
    assert "No epochs were kept" in experiments_page([older, older])


def test_nested_parameters_have_dotted_names():
    nested = {"training": {"epochs": 3, "arguments": {}}, "fractions": {"pinned": {"val": ["a"]}}}
    assert flattened(nested) == {
        "training.epochs": 3,
        "training.arguments": {},
        "fractions.pinned.val": ["a"],
    }
