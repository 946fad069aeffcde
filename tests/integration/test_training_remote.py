"""A training outlives its machine: what a bucket keeps is enough to go on anywhere."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import mlflow
import pytest

from tests.fixtures.detector import tiny_options, write_tiny_dataset
from utils.detection.backup import RunBackup
from utils.detection.options import DEFAULT_EXPERIMENT
from utils.detection.stored_state import StateFile
from utils.detection.tracking import TrainingRecord
from utils.detection.ultralytics.callbacks import EpochReport, watching
from utils.detection.ultralytics.checkpoint import load_model
from utils.detection.ultralytics.library import load_ultralytics, quiet
from utils.detection.ultralytics.runs import UltralyticsRun
from utils.detection.ultralytics.train import train_detector
from utils.detection.ultralytics.weights_files import Checkpoint
from utils.errors import BusyError
from utils.storage.store import open_store

pytestmark = pytest.mark.slow

EPOCHS = 3
PROJECT_ROOT = Path(__file__).resolve().parents[2]
# Runs on a machine of its own, which is gone as soon as the bucket has the state after an epoch.
VANISHING_TRAINING = """
import json, os, sys
from collections import defaultdict
from pathlib import Path
from threading import Event
from tests.fixtures.detector import tiny_options, write_tiny_dataset
from utils.detection.options import TrackingOptions
from utils.detection.ultralytics.train import train_detector
from utils.storage.gcs import GcsStore

folder, uri, mlflow, last_epoch, when, number = sys.argv[1:]
stored = defaultdict(Event)

def vanish():
    os.kill(os.getpid(), int(number))

class Bucket(GcsStore):
    def replace(self, key, content, version):
        _, epoch = json.loads(content)["progress"]
        if when == "before" and epoch == int(last_epoch):
            vanish()
        version = super().replace(key, content, version)
        if epoch == int(last_epoch):
            vanish()
        stored[epoch].set()
        return version

train_detector(
    write_tiny_dataset(Path(folder)),
    tiny_options(epochs=3, seed=int(last_epoch)),
    tracking=TrackingOptions(tracking_uri=mlflow),
    on_epoch=lambda metrics: stored[metrics.epoch].wait(timeout=60),
    kept_in=Bucket(uri),
)
"""


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """Takes up work on a new, empty machine."""

    def switch(name):
        (tmp_path / name).mkdir()
        monkeypatch.setenv("SPYGLASS_LOCAL", str(tmp_path / name / ".local"))
        return tmp_path / name

    return switch


def vanishes(folder, uri, tracking, epoch, when, number):
    arguments = [str(folder), uri, tracking.tracking_uri, str(epoch), when, str(int(number))]
    command = [sys.executable, "-c", VANISHING_TRAINING, *arguments]
    vanished = subprocess.run(command, cwd=PROJECT_ROOT, env=os.environ, check=False)
    assert vanished.returncode == -number


def recorded_runs(tracking):
    client = mlflow.MlflowClient(tracking.tracking_uri)
    return client.search_runs([client.get_experiment_by_name(DEFAULT_EXPERIMENT).experiment_id])


def recorded_epochs(tracking):
    """The epochs in each MLflow run."""
    client = mlflow.MlflowClient(tracking.tracking_uri)
    return [
        [point.step for point in client.get_metric_history(run.info.run_id, "metrics/mAP50")]
        for run in recorded_runs(tracking)
    ]


@pytest.mark.parametrize(
    ("epoch", "when", "number", "resumed_after"),
    [
        # Vertex AI and Slurm send this signal before the end.
        pytest.param(2, "after", signal.SIGTERM, 2, id="terminated after an epoch"),
        pytest.param(2, "before", signal.SIGKILL, 1, id="killed in the middle of an upload"),
        pytest.param(3, "after", signal.SIGKILL, 3, id="killed after the last epoch"),
    ],
)
def test_a_training_goes_on_where_the_vanished_machine_stopped(
    gcs_bucket, tracking, machine, caplog, epoch, when, number, resumed_after
):
    vanishes(machine("first"), f"{gcs_bucket}/training", tracking, epoch, when, number)
    store = open_store(f"{gcs_bucket}/training")
    dataset = write_tiny_dataset(machine("second"))
    options = tiny_options(epochs=EPOCHS, seed=epoch, resume=True)
    told = []
    caplog.set_level("INFO", "utils.detection")
    detector = train_detector(
        dataset, options, tracking=tracking, on_epoch=told.append, kept_in=store
    )
    assert f"Going on after epoch {resumed_after}," in caplog.text
    assert detector.epochs == EPOCHS
    assert [metrics.epoch for metrics in told] == [1, 2, 3]
    assert recorded_epochs(tracking) == [[1, 2, 3]]


def test_a_training_that_has_finished_elsewhere_is_not_done_again(gcs_bucket, machine):
    store = open_store(f"{gcs_bucket}/training")
    first = train_detector(
        write_tiny_dataset(machine("first")), tiny_options(epochs=1), kept_in=store
    )
    stored = list(store.list())
    told = []
    again = train_detector(
        write_tiny_dataset(machine("second")),
        tiny_options(epochs=1),
        kept_in=store,
        on_epoch=told.append,
    )
    assert again.best.read_bytes() == first.best.read_bytes()
    assert again.best != first.best
    assert (again.epochs, again.metrics) == (first.epochs, first.metrics)
    assert [metrics.epoch for metrics in told] == [1]
    assert [item.key for item in store.list()] == [item.key for item in stored]


def test_an_interrupted_training_waits_for_its_state_to_be_stored(machine, tmp_path):
    store = open_store(str(tmp_path / "store"))

    def interrupt(metrics):
        if metrics.epoch == 1:
            raise KeyboardInterrupt

    dataset, options = write_tiny_dataset(machine("first")), tiny_options(epochs=2)
    with pytest.raises(KeyboardInterrupt):
        train_detector(dataset, options, kept_in=store, on_epoch=interrupt)
    dataset = write_tiny_dataset(machine("second"))
    assert train_detector(dataset, options.updated(resume=True), kept_in=store).epochs == 2


def test_what_the_processes_of_several_gpus_train_is_told_kept_and_stored(machine, tmp_path):
    """Ultralytics sends its trainer to other processes; here it is one, on the CPU."""
    dataset = write_tiny_dataset(machine("first"))
    run = UltralyticsRun("f" * 64, tmp_path / "run")
    store = open_store(str(tmp_path / "store"))
    model = load_model(Checkpoint("yolov8n.yaml", identity=""))
    told = []
    with RunBackup(run, store) as backup:
        report = EpochReport(run, [told.append, backup.add_epoch])
        with watching(model, run, report, "0,1", dataset.tile_counts):
            trainer = written_trainer(model, dataset, run)
            process = subprocess.Popen([sys.executable, trainer])
            while len(told) < 2:
                assert process.poll() is None
                time.sleep(0.1)
            process.kill()
            process.wait()
    assert [metrics.epoch for metrics in told][:2] == [1, 2]
    assert run.resume_point() is not None
    elsewhere = UltralyticsRun("f" * 64, tmp_path / "elsewhere")
    with RunBackup(elsewhere, store):
        assert elsewhere.progress() == run.progress()


def take_over(store):
    """Start the one training in the store on another machine."""
    (key,) = (stored.key for stored in store.list() if stored.key.endswith("state.json"))
    StateFile(store, key, "another machine").take()


def test_a_training_that_another_machine_takes_over_ends_and_leaves_the_record_alone(
    gcs_bucket, tracking, machine
):
    store = open_store(f"{gcs_bucket}/training")
    dataset = write_tiny_dataset(machine("first"))
    started = []

    def train():
        train_detector(
            dataset,
            tiny_options(epochs=3, seed=7),
            tracking=tracking,
            kept_in=store,
            on_epoch=lambda metrics: started.append(metrics.epoch) or take_over(store),
        )

    with pytest.raises(BusyError, match="Another machine has taken over the training"):
        train()
    assert recorded_epochs(tracking) == [[1]]
    assert [run.info.status for run in recorded_runs(tracking)] == ["RUNNING"]
    with pytest.raises(BusyError, match="Another machine"):  # as ZenML repeats the step
        train()
    assert started == [1]


def test_an_epoch_that_two_machines_have_trained_is_recorded_once(tracking, tmp_path):
    runs = [UltralyticsRun("f" * 64, tmp_path / name) for name in ("first", "second")]
    with (
        TrainingRecord(tracking, runs[0], {}) as first,
        TrainingRecord(tracking, runs[1], {}) as second,
    ):
        for epoch in (1, 2):
            for run, record in zip(runs, (first, second), strict=True):
                kept = run.folder / "kept" / str(epoch)
                kept.mkdir(parents=True)
                rows = [f"{number},0.5,0.01\n" for number in range(1, epoch + 1)]
                heading = "epoch,metrics/mAP50(B),lr/pg0\n"  # as every task of ultralytics has them
                (kept / "results.csv").write_text(heading + "".join(rows))
                record.add_epoch(run.epochs()[-1])
        assert recorded_epochs(tracking) == [[1, 2]]
        for run in runs:
            run.weights.mkdir(parents=True)


def test_the_processes_of_several_gpus_end_when_another_machine_takes_over(machine, tmp_path):
    dataset = write_tiny_dataset(machine("first"))
    run = UltralyticsRun("f" * 64, tmp_path / "run")
    store = open_store(str(tmp_path / "store"))
    model = load_model(Checkpoint("yolov8n.yaml", identity=""))
    exit_codes = []

    def train():
        with RunBackup(run, store) as backup:
            report = EpochReport(run, [backup.add_epoch, lambda _: take_over(store)])
            with watching(model, run, report, "0,1", dataset.tile_counts):
                trainer = written_trainer(model, dataset, run)
                exit_codes.append(subprocess.run([sys.executable, trainer], check=False).returncode)

    with pytest.raises(BusyError, match="Another machine has taken over the training"):
        train()
    assert exit_codes == [1]
    assert run.progress().epochs < 50


def written_trainer(model, dataset, run):
    """The program that `model.train` starts once for each GPU."""
    load_ultralytics()
    from ultralytics.models.yolo.detect import DetectionTrainer
    from ultralytics.utils.dist import generate_ddp_file

    arguments = {"epochs": 50, "imgsz": 64, "batch": 4, "device": "cpu", "plots": False}
    folders = {"data": str(dataset.data_yaml), "save_dir": str(run.save_dir)}
    with quiet():
        trainer = DetectionTrainer(
            overrides={"model": "yolov8n.yaml", **arguments, **folders}, _callbacks=model.callbacks
        )
        trainer.model = trainer.get_model(cfg=model.model.yaml)
    return generate_ddp_file(trainer)
