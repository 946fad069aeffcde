"""A run is known by what it trains, and what is in its folder can be trusted after a kill."""

from __future__ import annotations

import os

import pytest

from utils.detection.training_run import Progress
from utils.detection.ultralytics.runs import UltralyticsRun, open_run

HEADER = "epoch,time,train/box_loss,metrics/mAP50(B)\n"


@pytest.fixture
def run(tmp_path):
    made = UltralyticsRun("0" * 64, tmp_path)
    made.weights.mkdir(parents=True)
    return made


def leave_epoch(run, epoch, weights=b"weights"):
    """Write the files that ultralytics leaves after an epoch."""
    (run.weights / "last.pt").write_bytes(weights)
    (run.weights / "best.pt").write_bytes(weights)
    rows = [f"{number},5,0.9,0.{number}\n" for number in range(1, epoch + 1)]
    (run.save_dir / "results.csv").write_text(HEADER + "".join(rows))


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


def test_an_epoch_counts_when_its_weights_are_kept(run):
    leave_epoch(run, 2)
    run.keep(2, is_last=False)
    leave_epoch(run, 3)
    assert [(epoch.epoch, epoch.values["metrics/mAP50"]) for epoch in run.epochs()] == [
        (1, 0.1),
        (2, 0.2),
    ]


def test_only_the_newest_epoch_is_kept(run):
    for epoch in (9, 10):
        leave_epoch(run, epoch, f"after {epoch}".encode())
        run.keep(epoch, is_last=False)
    assert (run.kept() / "resume.pt").read_text() == "after 10"
    assert [folder.name for folder in (run.folder / "kept").iterdir()] == ["10"]


def test_a_kill_while_an_epoch_is_kept_leaves_the_one_before(run, monkeypatch):
    leave_epoch(run, 1)
    run.keep(1, is_last=False)
    leave_epoch(run, 2)

    def killed(*paths):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", killed)
        with pytest.raises(KeyboardInterrupt):
            run.keep(2, is_last=False)
    assert run.progress() == Progress(is_finished=False, epochs=1)
    run.keep(2, is_last=False)
    assert run.progress().epochs == 2


def test_a_snapshot_stays_while_the_training_goes_on(run, tmp_path):
    leave_epoch(run, 1, b"first")
    run.keep(1, is_last=False)
    snapshot = run.snapshot(tmp_path / "snapshot")
    leave_epoch(run, 2, b"second")
    run.keep(2, is_last=False)
    assert snapshot.progress().epochs == 1
    assert (snapshot.kept() / "resume.pt").read_bytes() == b"first"


@pytest.mark.parametrize("content", [b"", b"PK cut short"], ids=["empty", "cut short"])
def test_weights_that_a_power_cut_has_spoilt_are_not_resumed_from(run, content):
    leave_epoch(run, 1, content)
    run.keep(1, is_last=False)
    assert run.resume_point() is None
    run.begin()
    assert run.epochs() == []


def test_a_run_without_a_result_is_not_finished(run):
    assert run.result() is None
    assert run.epochs() == []
