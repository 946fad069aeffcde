"""A run is stored as it was after some epoch or not at all, and never waits for the store."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.backup.trainings import (
    FINGERPRINT,
    STATE,
    back_up,
    content,
    contents,
    finish,
    on_machine,
    restored,
    stored_keys,
    train_epoch,
)
from utils.detection.backup import RunBackup
from utils.detection.training_run import Progress


def test_a_run_that_was_cut_off_is_the_same_on_another_machine(run, store, tmp_path):
    train_epoch(run, 1)
    train_epoch(run, 2, is_best=False)
    back_up(run, store)
    elsewhere = restored(store, tmp_path)
    assert elsewhere.progress() == Progress(is_finished=False, epochs=2)
    assert [epoch.epoch for epoch in elsewhere.epochs()] == [1, 2]
    assert contents(elsewhere) == {
        "kept/2/resume.pt": "last 2",
        "kept/2/best.pt": "best 1",
        "kept/2/results.csv": "epoch,metrics/mAP50(B)\n1,0.5\n2,0.5\n",
    }


def test_a_run_that_has_finished_is_finished_everywhere(run, store, tmp_path):
    train_epoch(run, 1, is_last=True)
    back_up(run, store)
    (run.save_dir / "confusion_matrix.png").write_text("plot")
    finish(run)
    back_up(run, store)
    elsewhere = restored(store, tmp_path)
    assert elsewhere.progress() == Progress(is_finished=True, epochs=1)
    assert contents(elsewhere) == contents(run)
    # finished.json, best.pt, last.pt, results.csv, the plot and the list of them
    assert len(stored_keys(store)) == 6


def test_a_new_state_replaces_the_old_and_sends_only_what_has_changed(run, store):
    for epoch in (1, 2):
        train_epoch(run, epoch, is_best=epoch == 1)
        back_up(run, store)
    assert len(stored_keys(store)) == 4  # resume.pt, best.pt, results.csv, the list
    assert len(set(store.put_keys)) == 5
    before = list(store.put_keys)
    back_up(run, store)
    assert store.put_keys == before


@pytest.mark.parametrize(
    ("here", "there"),
    [
        pytest.param((3, False), (2, False), id="more epochs here"),
        pytest.param((2, True), (3, False), id="finished early here"),
    ],
)
def test_the_state_that_has_come_further_wins(run, store, tmp_path, here, there):
    elsewhere = on_machine(tmp_path / "second")
    for machine, (epochs, is_finished) in ((elsewhere, there), (run, here)):
        train_epoch(machine, epochs)
        if is_finished:
            finish(machine)
    back_up(elsewhere, store)
    expected = contents(run)
    back_up(run, store)
    assert contents(run) == expected
    back_up(elsewhere, store)
    assert elsewhere.progress() == run.progress()


def test_what_a_kill_has_left_of_an_earlier_restoring_is_not_part_of_the_run(run, store, tmp_path):
    train_epoch(run, 1)
    back_up(run, store)
    left = tmp_path / "second" / f".{FINGERPRINT}.restored" / "kept" / "7"
    left.mkdir(parents=True)
    assert restored(store, tmp_path).progress().epochs == 1


@pytest.mark.parametrize("fault", ["cut short", "missing"])
def test_a_damaged_state_is_not_used_in_part(run, store, tmp_path, caplog, fault):
    train_epoch(run, 1)
    back_up(run, store)
    best = next(key for key in stored_keys(store) if content(Path(store.uri, key)) == "best 1")
    if fault == "missing":
        store.delete(best)
    else:
        Path(store.uri, best).write_text("be")
    elsewhere = restored(store, tmp_path)
    assert elsewhere.progress().epochs == 0
    assert not elsewhere.folder.exists()
    assert "not used" in caplog.text


def test_until_the_list_is_written_the_state_before_holds(run, store, tmp_path):
    train_epoch(run, 1)
    back_up(run, store)
    with RunBackup(run, store):
        train_epoch(run, 2)
        store.takes_lists = False
    store.takes_lists = True
    assert restored(store, tmp_path).progress().epochs == 1


def test_training_does_not_wait_and_the_newest_epoch_is_sent(run, store):
    states = []
    store.open.clear()
    with RunBackup(run, store) as backup:
        for epoch in (1, 2, 3):
            backup.add_epoch(train_epoch(run, epoch))
            store.entered.wait(timeout=60)  # the first upload has begun and is held up
        states.append(stored_keys(store))
        store.open.set()
    assert states == [{STATE}]
    sent = {content(Path(store.uri, key)) for key in stored_keys(store)}
    assert {"last 3", "best 3"} <= sent
    assert not {"last 1", "last 2"} & sent
    assert len(store.put_keys) == 6  # of the first and the third epoch


def test_an_epoch_that_cannot_be_sent_is_a_warning_and_the_next_one_is_sent(
    run, store, tmp_path, caplog
):
    store.refusals = 1
    with RunBackup(run, store) as backup:
        backup.add_epoch(train_epoch(run, 1))
    assert caplog.text.count("could not be stored: The bucket cannot be reached.") == 1
    assert restored(store, tmp_path).progress().epochs == 1


def test_what_failed_last_is_tried_again_when_the_training_fails(run, store, tmp_path):
    store.refusals = 1

    def fail():
        with RunBackup(run, store) as backup:
            backup.add_epoch(train_epoch(run, 1))
            raise ValueError("training")

    with pytest.raises(ValueError, match="training"):
        fail()
    assert restored(store, tmp_path).progress().epochs == 1


def test_a_store_that_never_answers_does_not_end_the_training(run, store, caplog):
    store.refusals = 1000
    with RunBackup(run, store) as backup:
        backup.add_epoch(train_epoch(run, 1))
    assert run.progress().epochs == 1
    assert "could not be stored" in caplog.text


def test_a_state_that_is_spoilt_here_is_restored(run, store):
    train_epoch(run, 9)
    back_up(run, store)
    resume = run.kept() / "resume.pt"
    resume.unlink()
    resume.write_bytes(b"cut short by a power cut")
    back_up(run, store)
    assert run.resume_point() == run.kept()
    assert run.progress().epochs == 9
