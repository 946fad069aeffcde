"""A run is known by what it trains, and what is in its folder can be trusted after a kill."""

from __future__ import annotations

import pytest

from utils.detection.runs import TrainingRun, open_run

HEADER = "epoch,time,train/box_loss,metrics/mAP50(B)\n"


@pytest.fixture
def run(tmp_path):
    made = TrainingRun("0" * 64, tmp_path)
    made.weights.mkdir(parents=True)
    return made


def write_results(run, text):
    (run.save_dir / "results.csv").write_text(HEADER + text)


def test_the_same_training_has_the_same_run():
    first = open_run("data", "weights", {"epochs": 3, "lr0": 0.1})
    assert open_run("data", "weights", {"lr0": 0.1, "epochs": 3}) == first


@pytest.mark.parametrize(
    ("data", "weights", "arguments"),
    [
        pytest.param("other", "weights", {"epochs": 3}, id="data"),
        pytest.param("data", "other", {"epochs": 3}, id="starting weights"),
        pytest.param("data", "weights", {"epochs": 4}, id="an argument"),
    ],
)
def test_a_training_of_something_else_has_a_run_of_its_own(data, weights, arguments):
    assert open_run("data", "weights", {"epochs": 3}) != open_run(data, weights, arguments)


def test_a_training_on_another_device_is_the_same_run():
    on_gpu = open_run("data", "weights", {"epochs": 3, "device": "0", "workers": 8})
    assert open_run("data", "weights", {"epochs": 3, "device": "cpu"}) == on_gpu


def test_an_epoch_that_was_done_twice_counts_once_and_one_half_written_not_at_all(run):
    write_results(run, "1,5,0.9,0.1\n2,6,0.8,0.2\n2,6,0.7,0.3\n3,7,0.")
    assert [(epoch.epoch, epoch.values["metrics/mAP50"]) for epoch in run.epochs()] == [
        (1, 0.1),
        (2, 0.3),
    ]


@pytest.mark.parametrize("content", [b"", b"PK cut short"], ids=["empty", "cut short"])
def test_weights_that_a_kill_has_spoilt_are_not_resumed_from(run, content):
    (run.weights / "last.pt").write_bytes(content)
    assert run.resume_point() is None


def test_a_run_without_a_result_is_not_finished(run):
    assert run.result() is None
    assert run.epochs() == []
