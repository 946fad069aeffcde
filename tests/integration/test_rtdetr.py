"""Another architecture than YOLO, without NMS: ultralytics' RT-DETR."""

from __future__ import annotations

import numpy as np
import pytest

from tests.builders import write_image
from tests.fixtures.detector import tiny_options, write_tiny_dataset
from tests.fixtures.inference import source_of
from utils.dataset.yolo import YoloDataset
from utils.detection.detector import Detector
from utils.detection.options import InferenceOptions, PredictorOptions
from utils.detection.outputs import merge_inferences
from utils.detection.predict import predict_scenes
from utils.detection.predictor import load_predictor
from utils.detection.ultralytics.checkpoint import load_weights, resolve_checkpoint
from utils.detection.ultralytics.embeddings import embed_images
from utils.detection.ultralytics.train import train_detector
from utils.errors import DetectorError
from utils.scenes.scene import Scene

SIDE = 128  # with fewer cells than candidates, an RT-DETR cannot be trained
CANDIDATES = 300


@pytest.fixture(scope="module")
def dataset(tmp_path_factory) -> YoloDataset:
    """Two tiles to train on, one to validate and one to test: a single step."""
    return write_tiny_dataset(tmp_path_factory.mktemp("rtdetr"), tiles=4)


@pytest.fixture(scope="module")
def rtdetr(dataset) -> Detector:
    """An RT-DETR after one step from scratch: it works, but has learned nothing."""
    options = tiny_options(model_checkpoint="rtdetr-l.yaml", imgsz=SIDE, epochs=1, batch=2)
    return train_detector(dataset, options)


@pytest.mark.slow
def test_an_rtdetr_trains_as_a_yolo_does(rtdetr):
    assert load_weights(rtdetr.best).__class__.__name__ == "RTDETR"
    assert (rtdetr.epochs, rtdetr.checkpoint) == (1, "rtdetr-l.yaml")
    assert {"metrics/mAP50", "metrics/mAP50-95"} <= rtdetr.metrics.keys()


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["pytorch", "onnx"])
def test_an_rtdetr_predicts_a_scene(backend, rtdetr, tmp_path):
    options = InferenceOptions(
        tile_size=SIDE, overlap=32, confidence=0, max_boxes=20, device="cpu", backend=backend
    )
    scene = Scene("port/a.png", write_image(tmp_path / "a.png", 200, 150))
    result = predict_scenes(
        source_of([scene], f"rtdetr {backend}"),
        rtdetr,
        options,
        model_version="1",
        folder=tmp_path / "shard",
    )
    (prediction,) = merge_inferences([result], options, folder=tmp_path / "out").predictions
    assert prediction.windows == 4
    assert {"pytorch": "PyTorch", "onnx": "ONNX"}[backend] in prediction.backend
    assert 0 < len(prediction.shapes) <= 4 * 20
    assert (prediction.shapes.xyxy >= 0).all()
    assert (prediction.shapes.xyxy <= [200, 150, 200, 150]).all()


@pytest.mark.slow
def test_boxes_of_an_rtdetr_go_through_no_nms_and_are_stretched_back_to_the_image(rtdetr):
    import torch

    pixels = np.random.default_rng(0).integers(0, 255, (60, 120, 3), dtype=np.uint8)
    options = PredictorOptions(device="cpu", confidence=0, iou=0.01)
    predictor = load_predictor(rtdetr, options)
    (boxes,) = predictor.predict([pixels])
    # NMS at an overlap of 0.01 would have left a few of them.
    assert len(boxes) == CANDIDATES
    assert (np.diff(boxes.scores) <= 0).all()
    # Its places are shares of the image; those of a YOLO are pixels of a padded square.
    with torch.inference_mode():
        raw = predictor.network.forward(predictor.network.prepare([pixels]))[0][0].numpy()
    centres, sizes = raw[:, :2], raw[:, 2:4]
    corners = np.hstack([centres - sizes / 2, centres + sizes / 2]) * [120, 60, 120, 60]
    assert boxes.xyxy == pytest.approx(np.clip(corners, 0, [120, 60, 120, 60]), abs=1e-3)
    assert (corners < 0).any()  # it predicts beyond the image, where nothing of a box is seen
    (few,) = load_predictor(rtdetr, options.updated(max_boxes=7)).predict([pixels])
    assert few == boxes.select(np.arange(7))


@pytest.mark.slow
def test_an_rtdetr_embeds_tiles_and_predicts_with_augmentation(rtdetr, tmp_path):
    images = [write_image(tmp_path / f"{seed}.png", 64, 64, seed=seed) for seed in range(2)]
    assert embed_images(rtdetr, images, device="cpu").shape[0] == 2
    options = PredictorOptions(device="cpu", confidence=0, max_boxes=10, augment=True)
    pixels = np.zeros((64, 64, 3), dtype=np.uint8)
    (boxes,) = load_predictor(rtdetr, options).predict([pixels])
    assert len(boxes) == 10


@pytest.mark.slow
def test_an_rtdetr_is_not_trained_on_images_with_fewer_cells_than_candidates(dataset):
    options = tiny_options(model_checkpoint="rtdetr-l.yaml", imgsz=96)
    with pytest.raises(DetectorError, match="Set imgsz to 128 or more"):
        train_detector(dataset, options)


@pytest.mark.slow
def test_a_checkpoint_of_an_rtdetr_is_found_by_its_name(rtdetr, tmp_path):
    rtdetr.save(tmp_path)
    (tmp_path / "best.pt").rename(tmp_path / "rtdetr-l.pt")
    wanted = tiny_options(model_checkpoint="rtdetr-l.pt", weights_dir=str(tmp_path))
    found = resolve_checkpoint(wanted)
    assert not found.from_scratch
    assert load_weights(tmp_path / "rtdetr-l.pt").names == {0: "ship"}
