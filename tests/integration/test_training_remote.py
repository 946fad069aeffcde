"""A training outlives its machine: what a bucket keeps is enough to go on anywhere."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import mlflow
import pytest

from tests.fixtures.detector import tiny_options, write_tiny_dataset
from utils.detection.mlflow_store import EXPERIMENT
from utils.detection.options import TrackingOptions
from utils.detection.train import train_detector
from utils.storage.store import open_store

EPOCHS = 3
PROJECT_ROOT = Path(__file__).resolve().parents[2]
# Runs on a machine of its own, which is gone as soon as the bucket has the state after an epoch.
VANISHING_TRAINING = """
import os, signal, sys
from pathlib import Path
from tests.fixtures.detector import tiny_options, write_tiny_dataset
from utils.detection.options import TrackingOptions
from utils.detection.train import train_detector
from utils.storage.gcs import GcsStore

folder, uri, mlflow, epoch, when = sys.argv[1:]

class Bucket(GcsStore):
    def write(self, key, content):
        if when == "before" and reached == int(epoch):
            os.kill(os.getpid(), signal.SIGKILL)
        written = super().write(key, content)
        if reached == int(epoch):
            os.kill(os.getpid(), signal.SIGKILL)
        return written

def reach(metrics):
    global reached
    reached = metrics.epoch

train_detector(
    write_tiny_dataset(Path(folder)),
    tiny_options(epochs=3, seed=int(epoch)),
    tracking=TrackingOptions(tracking_uri=mlflow),
    on_epoch=reach,
    backup=Bucket(uri),
)
"""


@pytest.fixture
def tracking(tmp_path):
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    mlflow.MlflowClient(uri).search_experiments()
    return TrackingOptions(tracking_uri=uri)


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """Takes up work on a new, empty machine."""

    def switch(name):
        (tmp_path / name).mkdir()
        monkeypatch.setenv("SPYGLASS_LOCAL", str(tmp_path / name / ".local"))
        return tmp_path / name

    return switch


def vanishes(folder, uri, tracking, epoch, when):
    arguments = [str(folder), uri, tracking.tracking_uri, str(epoch), when]
    command = [sys.executable, "-c", VANISHING_TRAINING, *arguments]
    vanished = subprocess.run(command, cwd=PROJECT_ROOT, env=os.environ, check=False)
    assert vanished.returncode == -signal.SIGKILL


def recorded_epochs(tracking):
    """The epochs in each MLflow run."""
    client = mlflow.MlflowClient(tracking.tracking_uri)
    runs = client.search_runs([client.get_experiment_by_name(EXPERIMENT).experiment_id])
    return [
        [point.step for point in client.get_metric_history(run.info.run_id, "metrics/mAP50")]
        for run in runs
    ]


@pytest.mark.parametrize(
    ("epoch", "when", "resumed_after"),
    [
        pytest.param(2, "after", 2, id="after an epoch"),
        pytest.param(2, "before", 1, id="in the middle of an upload"),
        pytest.param(3, "after", 3, id="after the last epoch"),
    ],
)
def test_a_training_goes_on_where_the_vanished_machine_stopped(
    gcs_bucket, tracking, machine, caplog, epoch, when, resumed_after
):
    vanishes(machine("first"), f"{gcs_bucket}/training", tracking, epoch, when)
    store = open_store(f"{gcs_bucket}/training")
    dataset = write_tiny_dataset(machine("second"))
    options = tiny_options(epochs=EPOCHS, seed=epoch, resume=True)
    told = []
    caplog.set_level("INFO", "utils.detection")
    detector = train_detector(
        dataset, options, tracking=tracking, on_epoch=told.append, backup=store
    )
    assert f"Going on after epoch {resumed_after}," in caplog.text
    assert detector.epochs == EPOCHS
    assert [metrics.epoch for metrics in told] == [1, 2, 3]
    assert recorded_epochs(tracking) == [[1, 2, 3]]
