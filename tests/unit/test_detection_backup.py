"""A run is stored as it was after some epoch or not at all, and never waits for the store."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from threading import Event

import pytest
import torch

from utils.detection.backup import RunBackup
from utils.detection.runs import Progress, TrainingRun
from utils.detection.stored_state import THIS_PROCESS
from utils.errors import BusyError, StoreError
from utils.files import sha256_of
from utils.storage.local import LocalStore
from utils.storage.objects import StoredObject

FINGERPRINT = "f" * 64
STATE = f"{FINGERPRINT}/state.json"


class FaultyStore(LocalStore):
    """A store whose writing can be held up, or refused a number of times."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.refusals = 0
        self.open = Event()
        self.open.set()
        self.entered = Event()
        self.put_keys: list[str] = []
        self.takes_lists = True
        self.gives = True
        self.before_list: Callable[[], object] = lambda: None

    def replace(self, key: str, content: bytes, version: str | None) -> str | None:
        self.before_list()
        if not self.takes_lists:
            raise StoreError("The bucket cannot be reached.")
        return super().replace(key, content, version)

    def get(self, item: str | StoredObject, to: Path, **remedy: str) -> Path:
        if not self.gives:
            raise StoreError("The bucket cannot be reached.")
        return super().get(item, to, **remedy)

    def put(self, local: Path, key: str) -> str:
        self.entered.set()
        self.open.wait(timeout=60)
        if self.refusals:
            self.refusals -= 1
            raise StoreError("The bucket cannot be reached.")
        self.put_keys.append(key)
        return super().put(local, key)


@pytest.fixture
def store(tmp_path):
    return FaultyStore(tmp_path / "store")


@pytest.fixture
def run(tmp_path):
    return on_machine(tmp_path / "first")


def on_machine(folder):
    """The same training on a machine of its own."""
    folder.mkdir(exist_ok=True)
    return TrainingRun(FINGERPRINT, folder / FINGERPRINT)


def train_epoch(run, epoch, *, is_best=True, is_last=False):
    """Leave what ultralytics leaves after an epoch, with contents that tell the epoch."""
    run.weights.mkdir(parents=True, exist_ok=True)
    torch.save({"optimizer": f"last {epoch}"}, run.weights / "last.pt")
    if is_best:
        (run.weights / "best.pt").write_text(f"best {epoch}")
    rows = "".join(f"{number},0.5\n" for number in range(1, epoch + 1))
    (run.save_dir / "results.csv").write_text("epoch,metrics/mAP50(B)\n" + rows)
    run.keep(epoch, is_last=is_last)
    return run.epochs()[-1]


def finish(run):
    result = {"epochs": run.progress().epochs, "metrics": {}}
    (run.folder / "finished.json").write_text(json.dumps(result))
    run.begin()


def back_up(run, store, machine=THIS_PROCESS):
    with RunBackup(run, store, machine):
        pass


def restored(store, tmp_path):
    run = on_machine(tmp_path / "second")
    back_up(run, store)
    return run


def contents(run):
    files = (path for path in run.folder.rglob("*") if path.is_file())
    return {path.relative_to(run.folder).as_posix(): content(path) for path in files}


def content(path):
    """The text of a file, or what a checkpoint says of its optimizer."""
    text = path.read_bytes()
    return torch.load(path)["optimizer"] if text.startswith(b"PK") else text.decode()


def texts(store):
    return {stored.key: content(Path(stored.uri)) for stored in store.list()}


def stored_keys(store):
    return {stored.key for stored in store.list()}


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


class TestTwoMachines:
    """Only the one that began last writes; the other one ends, and changes nothing."""

    @pytest.fixture
    def other(self, tmp_path):
        return on_machine(tmp_path / "second")

    def test_the_newest_takes_the_training_over_and_the_old_one_ends(self, run, other, store):
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

    def test_the_old_one_ends_with_an_error_though_it_was_at_its_last_epoch(
        self, run, other, store
    ):
        def end_late():
            with RunBackup(run, store, "old"):
                train_epoch(run, 3)
                back_up(other, store, "new")

        with pytest.raises(BusyError, match="Another machine"):
            end_late()
        assert restored_progress(store, other) == Progress(is_finished=False, epochs=0)

    def test_a_takeover_in_the_middle_of_an_upload_spoils_no_state(self, run, other, store):
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

    def test_the_old_one_does_not_take_the_training_back(self, run, other, store):
        """ZenML repeats a step that has failed, in the same process."""
        back_up(run, store, "old")
        back_up(other, store, "new")
        with pytest.raises(BusyError, match="Another machine"):
            back_up(run, store, "old")
        back_up(other, store, "new")

    def test_what_a_killed_upload_has_left_is_deleted_in_the_end(self, run, other, store):
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
        self, run, other, store, caplog
    ):
        with RunBackup(run, store) as backup:
            store.gives = False
            backup.add_epoch(train_epoch(run, 1))
        store.gives = True
        assert "Whether another machine trains the same is not known" in caplog.text
        assert restored_progress(store, other).epochs == 1

    def test_a_state_that_the_user_deletes_meanwhile_is_stored_again(self, run, other, store):
        with RunBackup(run, store, "old") as backup:
            store.delete(STATE)
            backup.add_epoch(train_epoch(run, 1))
        assert restored_progress(store, other).epochs == 1


def restored_progress(store, run):
    back_up(run, store, "a third one")
    return run.progress()
