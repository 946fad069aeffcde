"""The record of a training in Weights & Biases, in the files of its offline mode."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import PROJECT_ROOT
from tests.fixtures.detector import tiny_options, write_tiny_dataset
from utils.detection.options import TrackingOptions
from utils.detection.ultralytics.train import train_detector
from utils.detection.wandb_record import mode
from utils.paths import local_folder

OPTIONS = TrackingOptions(tracker="wandb", experiment="ships", project="harbour", entity="port")


def records(folder: Path) -> Iterator[Any]:
    """Yield everything that an offline run has noted."""
    from wandb.proto import wandb_internal_pb2
    from wandb.sdk.internal.datastore import DataStore

    (file,) = folder.glob("run-*.wandb")
    store = DataStore()
    store.open_for_scan(str(file))
    while True:
        try:
            content = store.scan_data()
        except AssertionError:  # cut off by a kill
            return
        if content is None:
            return
        record = wandb_internal_pb2.Record()
        record.ParseFromString(content)
        yield record


def runs(name: str) -> list[Path]:
    """The offline folders of a run, in order."""
    folders = local_folder("wandb").glob(f"wandb/offline-run-*-{name}")
    return sorted(folders, key=lambda folder: folder.stat().st_mtime_ns)


def steps(folders: list[Path]) -> list[int]:
    """Epochs that have a metric, over all folders of one run."""
    found = []
    for folder in folders:
        for record in records(folder):
            items = {item.key or "/".join(item.nested_key): item for item in record.history.item}
            if "metrics/mAP50" in items:
                found.append(int(json.loads(items["_step"].value_json)))
    return found


@pytest.mark.slow
def test_a_training_leaves_one_run_with_everything(local_state, tmp_path):
    options = tiny_options(seed=15, arguments={"plots": True})
    detector = train_detector(write_tiny_dataset(tmp_path), options, tracking=OPTIONS)
    folders = runs(detector.run_fingerprint[:32])
    assert len(folders) == 1
    assert detector.record == str(folders[0])
    assert detector.mlflow_run_id is None
    assert steps(folders) == [1, 2]
    noted = list(records(folders[0]))
    (begun,) = [record.run for record in noted if record.HasField("run")][:1]
    assert (begun.entity, begun.project, begun.run_group) == ("port", "harbour", "ships")
    assert {item.key: item.value_json for item in begun.config.update}["epochs"] == "2"
    pictures = {
        item.key or "/".join(item.nested_key) for record in noted for item in record.history.item
    }
    assert any(name.startswith("plots/results") for name in pictures)
    assert any(record.artifact.type == "model" for record in noted)
    again = train_detector(write_tiny_dataset(tmp_path), options, tracking=OPTIONS)
    assert again.record == detector.record
    assert runs(detector.run_fingerprint[:32]) == folders


KILLED = """
import os, signal, sys
from pathlib import Path
from tests.fixtures.detector import tiny_options, write_tiny_dataset
from utils.detection.options import TrackingOptions
from utils.detection.ultralytics.train import train_detector
train_detector(
    write_tiny_dataset(Path(sys.argv[1])), tiny_options(epochs=3, seed=78),
    tracking=TrackingOptions(tracker="wandb", experiment="ships"),
    on_epoch=lambda epoch: epoch.epoch == 2 and os.kill(os.getpid(), signal.SIGKILL),
)
"""


@pytest.mark.slow
def test_a_training_that_was_killed_goes_on_in_the_same_run(local_state, tmp_path):
    command = [sys.executable, "-c", KILLED, str(tmp_path)]
    # Otherwise the process of wandb that serves this one would outlive the kill.
    own = {name: value for name, value in os.environ.items() if name != "WANDB_SERVICE"}
    subprocess.run(command, cwd=PROJECT_ROOT, check=False, env=own)
    detector = train_detector(
        write_tiny_dataset(tmp_path),
        tiny_options(epochs=3, seed=78),
        tracking=TrackingOptions(tracker="wandb", experiment="ships"),
    )
    folders = runs(detector.run_fingerprint[:32])
    assert len(folders) == 2
    assert steps(folders[1:]) == [1, 2, 3]  # whatever the kill has left of the first
    assert detector.record == str(folders[1])


def test_the_tracker_of_the_stack_is_used_with_its_key(local_state, monkeypatch):
    from zenml.client import Client
    from zenml.constants import ENV_ZENML_ACTIVE_STACK_ID
    from zenml.enums import StackComponentType

    from records.active_stack import track_with_stack

    monkeypatch.setenv("WANDB_API_KEY", "another")
    settings = {"entity": "port", "project_name": "harbour", "api_key": "k" * 40}
    kind = StackComponentType.EXPERIMENT_TRACKER
    tracker = Client().create_stack_component("curves", "wandb", kind, settings)
    components = dict.fromkeys((StackComponentType.ORCHESTRATOR,), "default")
    components |= {StackComponentType.ARTIFACT_STORE: "default", kind: tracker.id}
    stack = Client().create_stack("with-wandb", components)
    monkeypatch.setenv(ENV_ZENML_ACTIVE_STACK_ID, str(stack.id))
    assert track_with_stack("ships") == OPTIONS
    assert os.environ["WANDB_API_KEY"] == "k" * 40


def test_without_a_key_or_a_server_runs_are_kept_for_later(monkeypatch):
    for variable in ("WANDB_API_KEY", "WANDB_MODE"):
        monkeypatch.delenv(variable, raising=False)
    assert mode() == "offline"
    monkeypatch.setenv("WANDB_API_KEY", "x" * 40)
    monkeypatch.setenv("WANDB_BASE_URL", "http://127.0.0.1:9")
    assert mode() == "offline"
    monkeypatch.setenv("WANDB_MODE", "online")
    assert mode() == "online"
