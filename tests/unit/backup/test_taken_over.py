"""If two machines train the same, only the one that began last writes; the other one ends."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.backup.trainings import (
    STATE,
    back_up,
    finish,
    on_machine,
    stored_keys,
    texts,
    train_epoch,
)
from utils.detection.backup import RunBackup
from utils.detection.training_run import Progress
from utils.errors import BusyError
from utils.files import sha256_of


@pytest.fixture
def other(tmp_path):
    return on_machine(tmp_path / "second")


def test_the_newest_takes_the_training_over_and_the_old_one_ends(run, other, store):
    def go_on(old):
        with old:
            old.add_epoch(train_epoch(run, 3))
            back_up(other, store, "new")
            train_epoch(other, 4)
            back_up(other, store, "new")
            stored.update(texts(store))
            old.add_epoch(train_epoch(run, 50))

    stored = {}
    with pytest.raises(BusyError, match=r"^Another machine has taken over the training in"):
        go_on(RunBackup(run, store, "old"))
    assert texts(store) == stored


def test_the_old_one_ends_with_an_error_though_it_was_at_its_last_epoch(run, other, store):
    def end_late():
        with RunBackup(run, store, "old"):
            train_epoch(run, 3)
            back_up(other, store, "new")

    with pytest.raises(BusyError, match="Another machine"):
        end_late()
    assert restored_progress(store, other) == Progress(is_finished=False, epochs=0)


def test_a_takeover_in_the_middle_of_an_upload_spoils_no_state(run, other, store):
    new = RunBackup(other, store, "new")

    def take_over():
        store.before_list = lambda: None
        new.__enter__()
        new.add_epoch(train_epoch(other, 2))
        new.__exit__(None)

    def go_on():
        with RunBackup(run, store, "old"):
            train_epoch(run, 51)
            store.before_list = take_over

    train_epoch(run, 1)
    back_up(run, store, "old")
    with pytest.raises(BusyError, match="Another machine"):
        go_on()
    assert restored_progress(store, on_machine(run.folder.parent / "third")).epochs == 2


def test_the_old_one_does_not_take_the_training_back(run, other, store):
    """ZenML repeats a step that has failed, in the same process."""
    back_up(run, store, "old")
    back_up(other, store, "new")
    with pytest.raises(BusyError, match="Another machine"):
        back_up(run, store, "old")
    back_up(other, store, "new")


def test_what_a_killed_upload_has_left_is_deleted_in_the_end(run, other, store):
    with RunBackup(run, store, "old"):
        train_epoch(run, 1)
        store.takes_lists = False
    store.takes_lists = True
    train_epoch(other, 1)
    finish(other)
    (other.save_dir / "results.csv").write_text("other")
    back_up(other, store, "new")
    assert {Path(key).name for key in stored_keys(store)} == {
        "state.json",
        *(sha256_of(path) for path in other.folder.rglob("*") if path.is_file()),
    }


def test_a_store_that_does_not_tell_whose_the_training_is_does_not_end_it(
    run, other, store, caplog
):
    with RunBackup(run, store) as backup:
        store.gives = False
        backup.add_epoch(train_epoch(run, 1))
    store.gives = True
    assert "Whether another machine trains the same is not known" in caplog.text
    assert restored_progress(store, other).epochs == 1


def test_a_state_that_the_user_deletes_meanwhile_is_stored_again(run, other, store):
    with RunBackup(run, store, "old") as backup:
        store.delete(STATE)
        backup.add_epoch(train_epoch(run, 1))
    assert restored_progress(store, other).epochs == 1


def restored_progress(store, run):
    back_up(run, store, "a third one")
    return run.progress()
