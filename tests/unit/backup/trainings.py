"""A training whose epochs are written by hand, and a store that can be made to fail."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from threading import Event

import torch

from utils.detection.backup import RunBackup
from utils.detection.stored_state import THIS_PROCESS
from utils.detection.ultralytics.runs import UltralyticsRun
from utils.errors import StoreError
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


def on_machine(folder):
    """The same training on a machine of its own."""
    folder.mkdir(exist_ok=True)
    return UltralyticsRun(FINGERPRINT, folder / FINGERPRINT)


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
