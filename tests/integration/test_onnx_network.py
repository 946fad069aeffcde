"""The network without PyTorch finds in the same outputs what ultralytics finds in them."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import onnxruntime
import pytest
import torch

from tests.fixtures.kinds import CLASS_NAMES, SIDE
from utils.detection.backends import checked_head
from utils.detection.onnx.heads import Head, NetworkSettings
from utils.detection.onnx.network import OnnxNetwork
from utils.detection.options import PredictorOptions
from utils.detection.ultralytics.library import load_ultralytics
from utils.detection.ultralytics.network import export_network, load_network
from utils.shapes.shapes import ShapeKind

SIZES = [(64, 64), (200, 120), (97, 200), (61, 37)]
CELLS = 900


def image_of(width, height, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def crowded_outputs(kind, seed=0):
    """Outputs of a network with crowds of boxes in a few places, as float32 arrays."""
    rng = np.random.default_rng(seed)
    if kind == ShapeKind.CLASSIFY:
        return [rng.dirichlet([1, 1], 1).astype(np.float32)]
    places = rng.uniform(0, SIDE, (7, 2))[rng.integers(0, 7, CELLS)]
    centres = places + rng.normal(0, 3, (CELLS, 2))
    sizes = rng.uniform(1, 25, (CELLS, 2))
    # Distinct scores: equal ones are in an order of chance.
    scores = rng.permutation(2 * CELLS).reshape(CELLS, 2) / (2 * CELLS)
    rows = [centres, sizes, scores]
    if kind == ShapeKind.OBB:
        rows.append(rng.uniform(-0.8, 2.4, (CELLS, 1)))
    if kind == ShapeKind.SEGMENT:
        rows.append(rng.normal(0, 1, (CELLS, 32)))
    outputs = [np.hstack(rows).T[None].astype(np.float32)]
    if kind == ShapeKind.SEGMENT:
        coarse = torch.from_numpy(rng.normal(0, 1, (1, 32, 5, 5)))
        smooth = torch.nn.functional.interpolate(coarse, (SIDE // 4,) * 2, mode="bicubic")
        outputs.append(smooth.float().numpy())
    return outputs


@pytest.fixture(params=ShapeKind)
def detector(request, tiny_detector_of):
    return tiny_detector_of(request.param)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("score", "iou", "most"), [(0.02, 0.6, 1000), (0.5, 0.3, 20)])
def test_the_same_outputs_give_the_same_shapes(detector, size, score, iou, most):
    options = PredictorOptions(device="cpu", iou=iou, max_boxes=most, outline_tolerance=0)
    reference = load_network(detector, options, SIDE)
    reference.keep_from(score)
    head = Head.CLASSES if detector.kind == ShapeKind.CLASSIFY else Head.NMS
    facts = SIDE, CLASS_NAMES, detector.kind, head, reference.settings
    own = OnnxNetwork(lambda _: [], *facts)
    image, outputs = image_of(*size), crowded_outputs(detector.kind)
    tensors = [torch.from_numpy(output.copy()) for output in outputs]
    raw = tensors if detector.kind == ShapeKind.SEGMENT else tensors[0]
    (expected,) = reference.shapes(raw, torch.zeros(1, 3, SIDE, SIDE), [image])
    found = own.shapes(outputs, image)
    assert len(found) > 3 or detector.kind == ShapeKind.CLASSIFY
    assert found.labels == expected.labels
    assert np.array_equal(found.scores, expected.scores)
    assert found.xyxy == pytest.approx(expected.xyxy, abs=1e-4)
    if found.kind.has_outlines:
        assert found.areas == pytest.approx(expected.areas, abs=1e-2)


@cache
def exported(architecture: str, folder: Path, *, nms: bool) -> Path:
    """An untrained network with a head that needs no NMS of ours."""
    torch.manual_seed(0)
    model = load_ultralytics().YOLO(f"{architecture}.yaml")
    model.save(weights := folder / f"{architecture}-{nms}.pt")
    made = weights.with_suffix(".onnx")
    export_network(weights, "onnx", SIDE, made, nms=nms, conf=1e-7)
    return made


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("end2end")


@pytest.mark.parametrize("size", [(64, 64), (97, 200)])
@pytest.mark.parametrize(
    ("architecture", "nms"),
    [
        pytest.param("yolo26n", False, id="yolo26"),
        pytest.param("yolov10n", False, id="yolo10"),
        pytest.param("yolo26n-obb", False, id="yolo26-obb"),
        pytest.param("yolov8n", True, id="yolo8 with NMS in it"),
    ],
)
def test_a_network_that_is_final_finds_what_ultralytics_finds_with_it(
    architecture, nms, size, folder
):
    file = exported(architecture, folder, nms=nms)
    assert checked_head(file) == Head.END_TO_END
    task = "obb" if "obb" in architecture else "detect"
    model = load_ultralytics().YOLO(file, task=task)
    names = tuple(model.names.values())
    image = image_of(*size)
    settings = {"conf": 1e-7, "max_det": 50}
    (theirs,) = model.predict(
        image[..., ::-1], imgsz=SIDE, device="cpu", verbose=False, rect=False, **settings
    )
    network = OnnxNetwork.load(
        file,
        names,
        ShapeKind(task),
        Head.END_TO_END,
        NetworkSettings(confidence=1e-7, max_boxes=50),
    )
    (found,) = network.predict([image])
    result = theirs.obb if task == "obb" else theirs.boxes
    assert len(found) == len(result) > 0
    assert found.scores == pytest.approx(result.conf.numpy(), abs=1e-6)
    if task == "detect":
        assert found.xyxy == pytest.approx(result.xyxy.numpy(), abs=1e-3)
    else:
        corners = result.xyxyxyxy.numpy()
        hulls = np.hstack([corners.min(axis=1), corners.max(axis=1)])
        assert found.xyxy == pytest.approx(hulls, abs=1e-2)


def test_each_image_may_be_predicted_by_any_number_of_threads(tiny_detector_of, bundle_of):
    bundle = bundle_of(ShapeKind.DETECT)
    images = [image_of(64, 64, seed) for seed in range(3)]
    one, two = (bundle.load_network(0.001, threads).predict(images) for threads in (1, 2))
    assert one == two


def test_the_network_of_a_bundle_tells_nothing_of_the_machine(bundle):
    session = onnxruntime.InferenceSession(bundle.network)
    facts = session.get_modelmeta()
    assert facts.custom_metadata_map == {}
    assert facts.producer_name == facts.description == ""


@pytest.mark.parametrize("size", SIZES)
def test_the_outputs_of_an_rtdetr_give_the_boxes_that_ultralytics_makes_of_them(size):
    load_ultralytics()
    from ultralytics.data.augment import LetterBox
    from ultralytics.models.rtdetr.predict import RTDETRPredictor

    rng = np.random.default_rng(0)
    rows = rng.uniform(0, 1, (300, 6)).astype(np.float32)
    rows[:, 4] = np.sort(rows[:, 4])[::-1]
    rows[:, 5] = rng.integers(0, 2, 300)
    image = image_of(*size)
    reference = RTDETRPredictor(overrides={"conf": 0.4, "max_det": 100})
    reference.batch, reference.model = ([""],), SimpleNamespace(names=dict(enumerate(CLASS_NAMES)))
    (expected,) = reference.postprocess(torch.from_numpy(rows.copy())[None], None, [image])
    settings = NetworkSettings(confidence=0.4, max_boxes=100)
    network = OnnxNetwork(
        lambda _: [rows[None]], SIDE, CLASS_NAMES, ShapeKind.DETECT, Head.RTDETR, settings
    )
    (found,) = network.predict([image])
    assert len(found) == len(expected) == 100
    inside = np.clip(expected.boxes.xyxy.numpy(), 0, [*size, *size])
    assert found.xyxy == pytest.approx(inside, abs=1e-4)
    assert np.array_equal(found.scores, expected.boxes.conf.numpy())
    assert found.labels == tuple(CLASS_NAMES[int(one)] for one in expected.boxes.cls)
    stretched = LetterBox((SIDE, SIDE), scale_fill=True)(image=image)
    assert np.array_equal(
        network.prepare([image])[0], stretched.transpose(2, 0, 1) / np.float32(255)
    )
