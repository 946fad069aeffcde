"""A detector really trains, survives a kill, and is complete in itself."""

from __future__ import annotations

import csv
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image, UnidentifiedImageError

from tests.fixtures.detector import tiny_options, write_tiny_dataset
from utils.detection.detector import Detector
from utils.detection.ultralytics.checkpoint import resolve_checkpoint
from utils.detection.ultralytics.runs import UltralyticsRun
from utils.detection.ultralytics.train import train_detector
from utils.errors import BusyError, ConfigurationError, DetectorError
from utils.locks import exclusive

EPOCHS = 4
PROJECT_ROOT = Path(__file__).resolve().parents[2]
KILLED_TRAINING = """
import os, signal, sys
from pathlib import Path
from tests.fixtures.detector import tiny_options, write_tiny_dataset
from utils.detection.ultralytics.train import train_detector

def kill(epoch):
    if epoch.epoch == int(sys.argv[2]):
        os.kill(os.getpid(), signal.SIGKILL)

dataset = write_tiny_dataset(Path(sys.argv[1]))
train_detector(dataset, tiny_options(epochs=4, seed=int(sys.argv[2])), on_epoch=kill)
"""


def killed_in_epoch(epoch, folder):
    """Train in a process that is killed when `epoch` ends; what to go on with."""
    command = [sys.executable, "-c", KILLED_TRAINING, str(folder), str(epoch)]
    killed = subprocess.run(command, cwd=PROJECT_ROOT, check=False)
    assert killed.returncode == -signal.SIGKILL
    return write_tiny_dataset(folder), tiny_options(epochs=EPOCHS, seed=epoch)


SAYING = """
from utils.detection.ultralytics.library import load_ultralytics, quiet

load_ultralytics()
from ultralytics.utils import LOGGER

with quiet():
    LOGGER.info("what ultralytics says")
"""


def run_folder(detector):
    return detector.best.parents[2]


def test_a_detector_knows_what_it_is_and_where_it_comes_from(tiny_detector, tiny_dataset):
    assert tiny_detector.class_names == ("ship",)
    assert tiny_detector.data_fingerprint == tiny_dataset.fingerprint
    assert (tiny_detector.epochs, tiny_detector.image_size) == (2, 64)
    assert tiny_detector.checkpoint == "yolov8n.yaml"
    assert tiny_detector.arguments["batch"] == 4
    assert {"metrics/mAP50", "metrics/mAP50-95"} <= tiny_detector.metrics.keys()


def test_a_saved_detector_needs_no_run_folder(tiny_detector, tmp_path):
    tiny_detector.save(tmp_path / "saved")
    (tmp_path / "saved").rename(tmp_path / "moved")
    loaded = Detector.load(tmp_path / "moved")
    assert loaded.best.parent == loaded.last.parent == tmp_path / "moved"
    assert loaded.best.read_bytes() == tiny_detector.best.read_bytes()
    assert loaded.last.read_bytes() == tiny_detector.last.read_bytes()
    assert loaded.metrics == tiny_detector.metrics
    assert loaded.class_names == tiny_detector.class_names


def test_a_folder_without_a_detector_is_an_error(tmp_path):
    with pytest.raises(DetectorError, match="no detector in"):
        Detector.load(tmp_path)


def test_a_finished_training_is_not_done_again(tiny_detector, tiny_dataset):
    before = tiny_detector.best.stat().st_mtime_ns
    told = []
    assert train_detector(tiny_dataset, tiny_options(), on_epoch=told.append) == tiny_detector
    assert tiny_detector.best.stat().st_mtime_ns == before
    assert [epoch.epoch for epoch in told] == [1, 2]


@pytest.fixture
def finished(tiny_detector: Detector) -> Iterator[Path]:
    """The folder of a finished run, which is put back as it was."""
    folder = run_folder(tiny_detector)
    kept = folder.with_name("kept-whole")
    shutil.copytree(folder, kept)
    yield folder
    shutil.rmtree(folder)
    kept.rename(folder)


def test_a_damaged_note_of_a_result_is_made_again_from_the_weights(
    finished, tiny_detector, tiny_dataset, caplog
):
    (finished / "finished.json").write_bytes(b"")
    assert train_detector(tiny_dataset, tiny_options()) == tiny_detector
    assert "finished.json was damaged" in caplog.text


@pytest.mark.parametrize("name", ["best.pt", "last.pt"])
def test_a_run_whose_weights_are_damaged_does_not_count_as_finished(name, finished, caplog):
    weights = finished / "ultralytics" / "weights" / name
    weights.write_bytes(weights.read_bytes()[:1000])
    run = UltralyticsRun("", finished)
    run.drop_damaged_result()
    assert run.result() is None
    assert "the training is done again" in caplog.text


def test_a_training_killed_in_the_middle_goes_on_where_it_stopped(local_state, tmp_path):
    dataset, options = killed_in_epoch(2, tmp_path)
    (kept,) = (local_state / "runs").glob("*/kept/2")
    (kept.parent / ".3.partial").mkdir()  # as if killed while keeping the next epoch
    (kept.parent / ".3.partial" / "resume.pt").write_bytes(b"PK")
    told = []
    detector = train_detector(dataset, options.updated(resume=True), on_epoch=told.append)
    assert run_folder(detector) == kept.parents[1]
    assert [epoch.epoch for epoch in told] == [1, 2, 3, 4]
    assert detector.epochs == EPOCHS
    with (run_folder(detector) / "ultralytics" / "results.csv").open() as results:
        assert [row["epoch"] for row in csv.DictReader(results)] == ["1", "2", "3", "4"]
    assert not kept.parent.exists()


@pytest.mark.slow
def test_a_training_killed_after_its_last_epoch_is_only_finished(tmp_path, tiny_detector):
    dataset, options = killed_in_epoch(EPOCHS, tmp_path)
    detector = train_detector(dataset, options)
    assert detector.epochs == EPOCHS
    # Without the optimizer's state, as every finished checkpoint.
    assert detector.last.stat().st_size == pytest.approx(tiny_detector.last.stat().st_size, rel=0.1)


def test_the_same_training_twice_at_once_is_refused(tiny_detector, tiny_dataset):
    with (
        exclusive("training", str(run_folder(tiny_detector))),
        pytest.raises(BusyError, match="training"),
    ):
        train_detector(tiny_dataset, tiny_options())


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        pytest.param(
            {"arguments": {"lr0": "fast"}}, ConfigurationError, "lr0", id="value of another type"
        ),
        pytest.param(
            {"resume": True, "seed": 99}, DetectorError, "no training to resume", id="not begun"
        ),
        pytest.param(
            {"model_checkpoint": "no-such.pt"}, DetectorError, "no-such.pt", id="unknown weights"
        ),
        pytest.param(
            {"model_checkpoint": "yolov8n-seg.yaml"}, DetectorError, "segment", id="no detector"
        ),
        pytest.param(
            {"arguments": {"freeze": 99}},
            DetectorError,
            "froze the entire model",
            id="nothing left",
        ),
    ],
)
def test_a_training_that_cannot_be_is_one_clear_error(tiny_dataset, changes, error, message):
    with pytest.raises(error, match=message):
        train_detector(tiny_dataset, tiny_options(**changes))


@pytest.mark.parametrize("verbose", [True, False], ids=["verbose", "not verbose"])
def test_what_ultralytics_says_is_shown_in_verbose_runs_only(monkeypatch, verbose):
    monkeypatch.delenv("YOLO_VERBOSE", raising=False)  # this process has set it for itself
    monkeypatch.setenv("SPYGLASS_VERBOSE", "1" if verbose else "")
    command = [sys.executable, "-c", SAYING]
    said = subprocess.run(command, cwd=PROJECT_ROOT, check=True, capture_output=True, text=True)
    assert ("what ultralytics says" in said.stdout) == verbose


def test_a_file_that_is_no_checkpoint_is_an_error(tiny_dataset, tmp_path):
    (tmp_path / "weights.pt").write_text("not weights")
    with pytest.raises(DetectorError, match="cannot be loaded as a detector"):
        train_detector(tiny_dataset, tiny_options(model_checkpoint=str(tmp_path / "weights.pt")))


def test_loading_ultralytics_leaves_pillow_as_it_was(tiny_detector, tmp_path):
    (tmp_path / "text.png").write_text("this is no image")
    with pytest.raises(UnidentifiedImageError):
        Image.open(tmp_path / "text.png")


def test_weights_are_found_by_name_in_the_weights_folder(tiny_detector, tmp_path):
    tiny_detector.save(tmp_path)
    found = resolve_checkpoint(tiny_options(model_checkpoint="best.pt", weights_dir=str(tmp_path)))
    assert found.source == str(tmp_path / "best.pt")
    assert found.identity == tiny_detector.weights_sha256


def test_weights_that_cannot_be_downloaded_are_an_error_with_a_remedy(offline, tmp_path):
    with pytest.raises(
        DetectorError,
        match=r"Put the file there\. To train without, add: --set training\.allow_scratch=true$",
    ):
        resolve_checkpoint(tiny_options(model_checkpoint="yolov8n.pt", weights_dir=str(tmp_path)))


@pytest.mark.parametrize(
    ("wanted", "architecture"),
    [
        ("yolov8n.pt", "yolov8n.yaml"),
        ("yolov5n.pt", "yolov5n.yaml"),
        ("yolo11s.pt", "yolo11s.yaml"),
        ("rtdetr-l.pt", "rtdetr-l.yaml"),
    ],
)
def test_where_allowed_the_architecture_alone_will_do_with_a_warning(
    offline, tmp_path, caplog, wanted, architecture
):
    options = tiny_options(model_checkpoint=wanted, weights_dir=str(tmp_path), allow_scratch=True)
    checkpoint = resolve_checkpoint(options)
    assert checkpoint.from_scratch
    assert checkpoint.source == architecture
    assert "from scratch" in caplog.text
