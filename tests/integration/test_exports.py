"""Exported networks and what was found out about them stay with the detector."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.integration.test_evaluation import square_tile
from utils.detection.backend_choice import MOST_MAP50_LOST
from utils.detection.detector import Detector
from utils.detection.exports import Exports
from utils.detection.options import InferenceOptions
from utils.detection.predictor import load_predictor
from utils.detection.ultralytics.checkpoint import load_weights
from utils.evaluation.exported import measure_losses
from utils.evaluation.options import EvaluationOptions
from utils.images.reader import read_windows
from utils.storage.store import ObjectStore, open_store

SIDE = 320
OPTIONS = InferenceOptions(device="cpu", confidence=0.01)


@pytest.fixture
def coco_detector(tiny_detector: Detector, shared_data: Path) -> Detector:
    weights = shared_data / "weights" / "yolov8n.pt"
    names = tuple(load_weights(weights).names.values())
    return replace(tiny_detector, best=weights, class_names=names, image_size=SIDE)


@pytest.fixture
def windows(shared_data):
    image = shared_data / "sahi" / "small-vehicles1.jpeg"
    return [pixels for _, pixels in read_windows(image, tile_size=320, overlap=60)]


@pytest.fixture
def beside(tmp_path) -> ObjectStore:
    """The place beside the detector that all machines see."""
    return open_store(str(tmp_path / "artifact" / "exports"))


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """Switches to a machine of that name, with nothing on its disk at first."""
    return lambda name: monkeypatch.setenv("SPYGLASS_LOCAL", str(tmp_path / name))


def test_another_machine_finds_the_exports_and_the_verdicts(
    coco_detector, windows, beside, machine, monkeypatch
):
    machine("first")
    first = load_predictor(coco_detector, OPTIONS, windows, exports_in=beside).backend
    kept = {Path(stored.key).name.split("-")[0] for stored in beside.list()}
    assert kept == {"network", "verdicts"}

    machine("second")
    # Whoever exports again fails.
    monkeypatch.delattr("utils.detection.exports.export_network")
    second = load_predictor(coco_detector, OPTIONS, windows[:1], exports_in=beside).backend
    assert str(second) == str(first)
    assert "ms a window" in second.reason
    assert "PyTorch" in second.reason


def test_weights_that_were_trained_further_are_exported_on_their_own(
    coco_detector, tiny_detector, beside
):
    for detector in (coco_detector, replace(tiny_detector, image_size=SIDE)):
        Exports(detector, SIDE, beside).onnx()
    assert len({stored.key.partition("/")[0] for stored in beside.list()}) == 2


def test_a_store_that_cannot_be_written_costs_nothing_but_a_warning(
    coco_detector, tmp_path, caplog
):
    (tmp_path / "file").touch()
    store = open_store(str(tmp_path / "file" / "exports"))
    assert Exports(coco_detector, SIDE, store).onnx().is_file()
    assert "cannot be kept with the detector" in caplog.text


@pytest.mark.slow
def test_backends_lose_next_to_nothing_where_the_truth_is_known(
    coco_detector, shared_data, beside, tmp_path
):
    coco = shared_data / "coco"
    tiles = [
        square_tile(photo, coco / "labels" / photo.parent.name / f"{photo.stem}.txt", tmp_path)
        for photo in sorted((coco / "images").rglob("*.jpg"))[:32]
    ]
    images = {tile.tile_id: Path(tile.uri) for tile in tiles}
    # Test-time augmentation of PyTorch is no measure for an exported network.
    options = EvaluationOptions(device="cpu", augment=True)
    losses = measure_losses(coco_detector, tiles, images, options, beside)
    assert any("ONNX Runtime" in backend for backend in losses)
    assert any("OpenVINO" in backend and "f32" in backend for backend in losses)
    exact = {name: loss for name, loss in losses.items() if "bf16" not in name}
    assert max(map(abs, exact.values())) <= MOST_MAP50_LOST
    assert Exports(coco_detector, SIDE, beside).losses() == losses


def test_a_backend_that_loses_too_much_is_passed_over(
    coco_detector, windows, beside, machine, caplog
):
    machine("first")
    chosen = load_predictor(coco_detector, OPTIONS, windows, exports_in=beside).backend
    Exports(coco_detector, SIDE, beside).keep_losses({chosen.description: 0.006})
    other = load_predictor(coco_detector, OPTIONS, windows, exports_in=beside).backend
    assert other.description != chosen.description
    assert f"{chosen.description} is passed over: it loses 0.006 of mAP50" in caplog.text
