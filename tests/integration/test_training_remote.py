"""A training outlives its machine: what a bucket keeps is enough to go on anywhere."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import mlflow
import pytest

from tests.fixtures.detector import tiny_options, write_tiny_dataset
from utils.detection.backend import load_ultralytics, quiet
from utils.detection.backup import RunBackup
from utils.detection.callbacks import EpochReport, watching
from utils.detection.checkpoint import Checkpoint, load_model, resolve_checkpoint
from utils.detection.mlflow_store import EXPERIMENT
from utils.detection.runs import TrainingRun
from utils.detection.train import train_detector
from utils.errors import DetectorError, StoreError
from utils.storage.store import open_store

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
from utils.detection.train import train_detector
from utils.storage.gcs import GcsStore

folder, uri, mlflow, last_epoch, when, number = sys.argv[1:]
stored = defaultdict(Event)

def vanish():
    os.kill(os.getpid(), int(number))

class Bucket(GcsStore):
    def write(self, key, content):
        _, epoch = json.loads(content)["progress"]
        if when == "before" and epoch == int(last_epoch):
            vanish()
        super().write(key, content)
        if epoch == int(last_epoch):
            vanish()
        stored[epoch].set()

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


def recorded_epochs(tracking):
    """The epochs in each MLflow run."""
    client = mlflow.MlflowClient(tracking.tracking_uri)
    runs = client.search_runs([client.get_experiment_by_name(EXPERIMENT).experiment_id])
    return [
        [point.step for point in client.get_metric_history(run.info.run_id, "metrics/mAP50")]
        for run in runs
    ]


@pytest.mark.parametrize(
    ("epoch", "when", "number", "resumed_after"),
    [
        # Which Vertex AI and Slurm send before the end.
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
    run = TrainingRun("f" * 64, tmp_path / "run")
    store = open_store(str(tmp_path / "store"))
    model = load_model(Checkpoint("yolov8n.yaml", identity=""))
    told = []
    with RunBackup(run, store) as backup:
        report = EpochReport(run, [told.append, backup.add_epoch])
        with watching(model, run, report, "0,1"):
            trainer = written_trainer(model, dataset, run)
            process = subprocess.Popen([sys.executable, trainer])
            while len(told) < 2:
                assert process.poll() is None
                time.sleep(0.1)
            process.kill()
            process.wait()
    assert [metrics.epoch for metrics in told][:2] == [1, 2]
    assert run.resume_point() is not None
    elsewhere = TrainingRun("f" * 64, tmp_path / "elsewhere")
    with RunBackup(elsewhere, store):
        assert elsewhere.progress() == run.progress()


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


class TestWeightsInABucket:
    """What `model_checkpoint` and `weights_dir` may name."""

    @pytest.fixture
    def weights(self, gcs_bucket, tiny_detector):
        return open_store(f"{gcs_bucket}/weights").put(tiny_detector.best, "mine.pt")

    @pytest.fixture
    def named(self, weights, request):
        folder, _, name = weights.rpartition("/")
        as_file, as_name = {"model_checkpoint": weights}, {"model_checkpoint": name}
        return as_file if request.param == "file" else {**as_name, "weights_dir": folder}

    @pytest.mark.parametrize("named", ["file", "folder"], indirect=True)
    def test_they_are_known_by_their_content_and_fetched_once(self, named, weights, tiny_detector):
        checkpoint = resolve_checkpoint(tiny_options(**named))
        assert checkpoint.source == weights
        assert checkpoint.identity == tiny_detector.weights_sha256
        assert load_model(checkpoint).names == {0: "ship"}
        fetched = checkpoint.local_copy.stat().st_ino
        again = resolve_checkpoint(tiny_options(**named))
        assert again.local_copy.stat().st_ino == fetched

    def test_weights_that_have_changed_are_fetched_again(self, weights, tiny_detector):
        before = resolve_checkpoint(tiny_options(model_checkpoint=weights))
        folder, _, name = weights.rpartition("/")
        open_store(folder).write(name, b"other weights")
        after = resolve_checkpoint(tiny_options(model_checkpoint=weights))
        assert after.identity == hashlib.sha256(b"other weights").hexdigest()
        assert before.identity == tiny_detector.weights_sha256

    def test_missing_weights_are_an_error_with_a_remedy(self, gcs_bucket):
        missing = f"{gcs_bucket}/weights/gone.pt"
        with pytest.raises(DetectorError, match=rf"gcloud storage cp <file> {missing}$"):
            resolve_checkpoint(tiny_options(model_checkpoint=missing))

    def test_a_missing_bucket_is_named(self, gcs_bucket):
        missing = f"{gcs_bucket}-gone/yolov8n.pt"
        with pytest.raises(StoreError, match=rf"The bucket {gcs_bucket}-gone does not exist"):
            resolve_checkpoint(tiny_options(model_checkpoint=missing, allow_scratch=True))
