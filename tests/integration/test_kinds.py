"""Every kind of shapes is trained, predicted and merged for real."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import shapely
import torch
from PIL import Image

from tests.builders import write_image
from tests.conftest import PROJECT_ROOT
from tests.fixtures.detector import tiny_options
from tests.fixtures.inference import OPTIONS
from tests.fixtures.kinds import CLASS_NAMES, SIDE, write_tiny_dataset_of
from utils.detection.backend_choice import agreement
from utils.detection.detector import Detector
from utils.detection.predictor import load_predictor
from utils.detection.ultralytics.checkpoint import (
    load_model,
    load_weights,
    resolve_checkpoint,
    tell_transfer,
)
from utils.detection.ultralytics.known_classes import with_known_classes
from utils.detection.ultralytics.train import train_detector
from utils.errors import DetectorError
from utils.scenes.scene import Scene
from utils.shapes.outlines import are_rectangles
from utils.shapes.shapes import ShapeKind

NEW_KINDS = [ShapeKind.OBB, ShapeKind.SEGMENT, ShapeKind.CLASSIFY]
OUTLINED = [ShapeKind.OBB, ShapeKind.SEGMENT]


@pytest.fixture(params=NEW_KINDS)
def detector(request, tiny_detector_of):
    return tiny_detector_of(request.param)


@pytest.fixture
def picture(tmp_path):
    return write_image(tmp_path / "picture.png", 96, 64, seed=5)


def pixels_of(path):
    return np.asarray(Image.open(path))


def test_a_detector_of_each_kind_is_trained(detector, tmp_path):
    weights = load_weights(detector.best)
    assert weights.task == detector.task
    assert tuple(weights.names.values()) == detector.class_names == CLASS_NAMES
    wanted = "accuracy_top1" if detector.kind == ShapeKind.CLASSIFY else "mAP50"
    assert f"metrics/{wanted}" in detector.metrics
    assert f"metrics/{wanted}" in detector.history[0]
    detector.save(tmp_path)
    assert Detector.load(tmp_path).kind == detector.kind


def test_masks_and_their_boxes_are_measured_apart(tiny_detector_of):
    metrics = tiny_detector_of(ShapeKind.SEGMENT).metrics
    assert {"metrics/mAP50", "metrics/mAP50-box"} <= metrics.keys()


def test_a_scene_has_shapes_of_the_kind_in_its_own_coordinates(detector, predict, tmp_path):
    scene = Scene("a", write_image(tmp_path / "a.png", 150, 100, seed=1))
    result = predict([scene], detector=detector).predictions
    (found,) = result
    assert result.kind == found.shapes.kind == detector.kind
    assert len(found.shapes)
    if detector.kind == ShapeKind.CLASSIFY:
        assert found.windows == 1
        assert found.shapes.xyxy.tolist() == [[0, 0, 150, 100]] * 2
        assert found.shapes.confidences.sum() == pytest.approx(1)
    else:
        assert found.windows == 6
        assert all(outline.is_valid for outline in found.shapes.polygons)
        assert found.shapes.xyxy[:, 2:].max() > SIDE
    if detector.kind == ShapeKind.OBB:
        assert are_rectangles(found.shapes.polygons).all()


def test_predictions_that_are_kept_are_the_same(detector, predict, tmp_path):
    scene = Scene("a", write_image(tmp_path / "a.png", 150, 100, seed=1))
    (first,) = predict([scene], detector=detector).predictions
    (again,) = predict([scene], detector=detector).predictions
    assert again == first


@pytest.mark.parametrize("backend", ["onnx", "openvino"])
def test_every_backend_finds_what_pytorch_finds(detector, backend):
    samples = [pixels_of(path) for path in sorted(detector_tiles(detector))[:4]]
    pytorch = load_predictor(detector, OPTIONS)
    other = load_predictor(detector, OPTIONS, samples, backend=backend)
    assert other.backend.name == backend
    with torch.inference_mode():
        own, prepared = (one.network.prepare(samples[:1]) for one in (pytorch, other))
        expected = outputs(pytorch.network.forward(own))
        *found, _features = other.network.forward(prepared)
    assert np.array_equal(own.numpy(), prepared)
    # An untrained network finds objects whose scores are nearly equal: which of them NMS keeps is
    # chance, but the outputs of the network are not. (Boxes are in pixels.)
    assert found
    for one in found:
        assert any(
            one.shape == own.shape and np.allclose(one, own.numpy(), atol=0.02) for own in expected
        )
    shapes = other.predict(samples)
    assert {one.kind for one in shapes} == {detector.kind}
    assert agreement(shapes, pytorch.predict(samples))[0] >= 0.99


def outputs(raw):
    """All tensors in raw predictions, in order."""
    if isinstance(raw, torch.Tensor):
        return [raw]
    parts = raw.values() if isinstance(raw, dict) else raw
    return [tensor for part in parts for tensor in outputs(part)]


def detector_tiles(detector):
    """The images that a detector was trained with."""
    folder = Path(load_weights(detector.best).overrides["data"])
    root = folder if folder.is_dir() else folder.parent
    return [path for path in root.rglob("*.png") if "val" in path.parts]


def test_oriented_boxes_are_those_of_ultralytics(tiny_detector_of, picture):
    detector = tiny_detector_of(ShapeKind.OBB)
    (found,) = load_predictor(detector, OPTIONS).predict([pixels_of(picture)])
    (theirs,) = own_prediction(detector, picture)
    polygons = shapely.polygons(theirs.obb.xyxyxyxy.numpy().astype(float))
    shares = shapely.area(shapely.intersection(found.polygons, polygons)) / found.areas
    assert np.allclose(shares, 1, atol=1e-3)
    assert np.allclose(found.confidences, theirs.obb.conf.numpy(), atol=1e-3)


def test_polygons_cover_the_masks_of_ultralytics(tiny_detector_of, picture):
    detector = tiny_detector_of(ShapeKind.SEGMENT)
    (found,) = load_predictor(detector, OPTIONS).predict([pixels_of(picture)])
    (theirs,) = own_prediction(detector, picture, retina_masks=True)
    rows, columns = np.indices((64, 96)) + 0.5
    masks = np.array([shapely.contains_xy(one, columns, rows) for one in found.polygons])
    expected = theirs.masks.data.numpy() > 0
    assert len(masks) == len(expected) > 0
    shared = (masks & expected).sum(axis=(1, 2)) / (masks | expected).sum(axis=(1, 2))
    assert shared.min() > 0.85
    assert np.median(shared) > 0.93


def test_classes_are_those_of_ultralytics(tiny_detector_of, picture):
    detector = tiny_detector_of(ShapeKind.CLASSIFY)
    (found,) = load_predictor(detector, OPTIONS).predict([pixels_of(picture)])
    (theirs,) = own_prediction(detector, picture)
    assert found.labels[0] == theirs.names[theirs.probs.top1]
    assert found.confidences[0] == pytest.approx(float(theirs.probs.top1conf), abs=1e-3)


def own_prediction(detector, path, **arguments):
    return load_weights(detector.best).predict(
        str(path), imgsz=SIDE, conf=0, max_det=5, iou=0.6, rect=False, device="cpu", verbose=False,
        **arguments,
    )  # fmt: skip


def test_a_scene_can_be_classified_by_tile_with_the_best_classes_only(
    tiny_detector_of, predict, tmp_path
):
    scene = Scene("a", write_image(tmp_path / "a.png", 150, 100, seed=1))
    options = OPTIONS.updated(classify="tile", top_k=1)
    detector = tiny_detector_of(ShapeKind.CLASSIFY)
    (found,) = predict([scene], options, detector=detector).predictions
    assert len(found.shapes) == found.windows == 6
    assert len({tuple(row) for row in found.shapes.xyxy}) == 6


def test_a_scene_that_is_too_large_for_one_window_is_classified_as_a_whole(
    tiny_detector_of, predict, tmp_path
):
    scene = Scene("a", write_image(tmp_path / "a.png", 5000, 100, seed=1))
    detector = tiny_detector_of(ShapeKind.CLASSIFY)
    (found,) = predict([scene], detector=detector).predictions
    assert found.shapes.xyxy.tolist() == [[0, 0, 5000, 100]] * 2


def test_a_prediction_can_be_augmented(detector, picture):
    pixels = [pixels_of(picture)]
    options = OPTIONS.updated(augment=True)
    (found,) = load_predictor(detector, options).predict(pixels)
    assert found.kind == detector.kind
    assert 0 < len(found) <= 5
    if detector.kind == ShapeKind.CLASSIFY:
        assert found.confidences.sum() == pytest.approx(1)


@pytest.mark.parametrize(
    ("kind", "least"), [(ShapeKind.SEGMENT, 0.8), (ShapeKind.OBB, 0.8), (ShapeKind.CLASSIFY, 0.9)]
)
def test_the_weights_of_a_detector_are_transferred(shared_data, kind, least, caplog):
    weights = shared_data / "weights" / "yolov8n.pt"
    checkpoint = resolve_checkpoint(tiny_options(model_checkpoint=str(weights)), kind)
    model = load_model(checkpoint, kind)
    assert model.task == kind
    with caplog.at_level("INFO"):
        assert tell_transfer(checkpoint, model) >= least
    assert f"of the weights of {checkpoint.architecture} come from {weights}" in caplog.text


def test_classes_of_transferred_weights_can_be_renamed(shared_data):
    weights = str(shared_data / "weights" / "yolov8n.pt")
    checkpoint = resolve_checkpoint(tiny_options(model_checkpoint=weights), ShapeKind.SEGMENT)
    renamed = with_known_classes(checkpoint, {"ship": "boat"})
    assert renamed.architecture == checkpoint.architecture == "yolov8n-seg.yaml"
    assert "ship" in load_weights(Path(renamed.model)).names.values()


def test_a_training_that_loads_fewer_images_than_there_are_is_stopped(tmp_path):
    dataset = write_tiny_dataset_of(tmp_path, ShapeKind.CLASSIFY)
    counts = dataset.tile_counts | {"train": dataset.tile_counts["train"] + 1}
    with pytest.raises(DetectorError, match="uses 8 of the 9 images of the train split"):
        train_detector(replace(dataset, tile_counts=counts), tiny_options(epochs=1, seed=9))


@pytest.mark.usefixtures("offline")
def test_a_detector_by_name_gives_its_weights_where_its_sibling_cannot_be_had(
    shared_data, tmp_path, tiny_detector_of
):
    shutil.copy(shared_data / "weights" / "yolov8n.pt", tmp_path)
    options = tiny_options(model_checkpoint="yolov8n.pt", weights_dir=str(tmp_path))
    transferred = resolve_checkpoint(options, ShapeKind.OBB)
    assert transferred.architecture == "yolov8n-obb.yaml"
    shutil.copy(tiny_detector_of(ShapeKind.OBB).best, tmp_path / "yolov8n-obb.pt")
    sibling = resolve_checkpoint(options, ShapeKind.OBB)
    assert (Path(sibling.source).name, sibling.architecture) == ("yolov8n-obb.pt", None)


@pytest.mark.parametrize(
    ("weights", "kind", "message"),
    [
        (ShapeKind.SEGMENT, ShapeKind.OBB, "cannot learn oriented boxes.*yolov8n-obb.pt"),
        (ShapeKind.CLASSIFY, ShapeKind.SEGMENT, "cannot learn polygons.*yolov8n-seg.pt"),
        (ShapeKind.OBB, ShapeKind.CLASSIFY, "cannot learn classes of whole images.*-cls.pt"),
    ],
)
def test_weights_of_another_task_are_refused_with_what_works(
    tiny_detector_of, weights, kind, message
):
    options = tiny_options(model_checkpoint=str(tiny_detector_of(weights).best))
    with pytest.raises(DetectorError, match=message):
        resolve_checkpoint(options, kind)


def test_a_detector_whose_weights_are_of_another_task_is_refused(tiny_detector_of):
    detector = replace(tiny_detector_of(ShapeKind.OBB), task="detect")
    with pytest.raises(DetectorError, match="is a model for the task 'obb', not a detector"):
        load_predictor(detector, OPTIONS)


KILLED = """
import os, signal, sys
from pathlib import Path
from tests.fixtures.detector import tiny_options
from tests.fixtures.kinds import write_tiny_dataset_of
from utils.detection.ultralytics.known_classes import with_known_classes
from utils.detection.ultralytics.train import train_detector
from utils.shapes.shapes import ShapeKind

kind = ShapeKind(sys.argv[2])
dataset = write_tiny_dataset_of(Path(sys.argv[1]), kind)
train_detector(
    dataset, tiny_options(epochs=3), on_epoch=lambda _: os.kill(os.getpid(), signal.SIGKILL)
)
"""


@pytest.mark.slow
@pytest.mark.parametrize("kind", NEW_KINDS)
def test_a_killed_training_of_each_kind_is_resumed(kind, tmp_path, caplog):
    command = [sys.executable, "-c", KILLED, str(tmp_path), kind]
    killed = subprocess.run(command, cwd=PROJECT_ROOT, check=False)
    assert killed.returncode == -signal.SIGKILL
    seen = []
    dataset = write_tiny_dataset_of(tmp_path, kind)
    detector = train_detector(
        dataset, tiny_options(epochs=3, resume=True), on_epoch=lambda epoch: seen.append(epoch)
    )
    assert [epoch.epoch for epoch in seen] == [1, 2, 3]
    assert detector.epochs == 3


@pytest.mark.slow
@pytest.mark.parametrize(
    "architecture",
    ["yolo11-cls-resnet18.yaml", "yolov8-cls-resnet50.yaml", "yolov8-cls-resnet101.yaml"],
)
def test_a_residual_network_learns_classes(architecture, tmp_path):
    dataset = write_tiny_dataset_of(tmp_path, ShapeKind.CLASSIFY)
    options = tiny_options(model_checkpoint=architecture, epochs=1, allow_scratch=True)
    detector = train_detector(dataset, options)
    assert detector.checkpoint == architecture
    (found, *_) = load_predictor(detector, OPTIONS).predict(
        [pixels_of(path) for path in detector_tiles(detector)][:1]
    )
    assert set(found.labels) == set(CLASS_NAMES)


@pytest.mark.usefixtures("offline")
def test_weights_of_torchvision_that_cannot_be_had_are_told():
    options = tiny_options(model_checkpoint="yolo11-cls-resnet18.yaml")
    with pytest.raises(DetectorError, match=r"weights of resnet18 cannot be.*allow_scratch=true"):
        resolve_checkpoint(options, ShapeKind.CLASSIFY)
