"""A detector that was trained elsewhere becomes a version like an own one, and runs no code."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from onnxruntime import InferenceSession

from tests.fixtures.kinds import CLASS_NAMES, SIDE, tiny_tiles_of
from utils.detection.detector import Detector
from utils.detection.options import InferenceOptions, PredictorOptions
from utils.detection.predictor import load_predictor
from utils.detection.registration import RegistrationOptions, register_detector
from utils.detection.ultralytics.network import export_network
from utils.detection.ultralytics.trust import TRUSTED_WEIGHTS
from utils.errors import DetectorError
from utils.evaluation.options import EvaluationOptions
from utils.evaluation.predict_tiles import tile_image_size
from utils.serving.packing import Packed, pack_detector
from utils.shapes.shapes import ShapeKind

DETECT = ShapeKind.DETECT


@pytest.fixture
def elsewhere(tiny_detector_of, tmp_path):
    """The weights of a tiny detector of a kind, and its network in ONNX, as files of strangers."""

    def make(kind: ShapeKind = DETECT) -> tuple[Path, Path]:
        weights = Path(shutil.copy(tiny_detector_of(kind).best, tmp_path / f"{kind}.pt"))
        network = tmp_path / f"{kind}.onnx"
        if not network.exists():
            export_network(weights, "onnx", SIDE, network, batch=1)
            model = onnx.load(network)
            del model.graph.output[-1], model.graph.node[-1]  # strangers tell no features
            onnx.save(model, network)
        return weights, network

    return make


def register(file: Path, tmp_path: Path, kind: ShapeKind = DETECT, **options: Any) -> Detector:
    given = RegistrationOptions(file=str(file), **options)
    return register_detector(given, kind, CLASS_NAMES, tmp_path / "registered")


@pytest.mark.parametrize(
    "kind",
    [
        ShapeKind.DETECT,
        *(
            pytest.param(kind, marks=pytest.mark.slow)
            for kind in ShapeKind
            if kind is not ShapeKind.DETECT
        ),
    ],
)
def test_weights_and_network_of_one_detector_find_the_same(kind, elsewhere, tmp_path):
    tile = tiny_tiles_of(tmp_path / "tiles", kind, tiles=1)[0]
    from utils.evaluation.predict_tiles import read_tile

    image = read_tile(Path(tile.uri))
    options = PredictorOptions(device="cpu", confidence=0.001, max_boxes=5)
    found = []
    for file in elsewhere(kind):
        detector = register(file, tmp_path / file.suffix, kind, origin="a friend's laptop")
        assert (detector.class_names, detector.image_size) == (CLASS_NAMES, SIDE)
        detector.save(tmp_path / "saved" / file.suffix)
        again = Detector.load(tmp_path / "saved" / file.suffix)
        assert (again.origin, again.kind) == ("a friend's laptop", kind)
        found += load_predictor(again, options).predict([image])
    assert found[0].confidences == pytest.approx(found[1].confidences, abs=1e-4)
    # Chance decides which of nearly equal boxes of an untrained network the oriented NMS keeps.
    if kind != ShapeKind.OBB:
        assert found[0].labels == found[1].labels
        assert found[0].xyxy == pytest.approx(found[1].xyxy, abs=0.1)


def test_a_network_is_packed_like_own_weights(elsewhere, tmp_path):
    weights, network = elsewhere()
    options = InferenceOptions(device="cpu", confidence=0.002, max_boxes=5, tile_size=64)
    image = np.full((64, 64, 3), 90, dtype=np.uint8)
    image[20:30, 10:40] = 230
    bundles = [
        pack_detector(
            register(file, tmp_path / file.suffix, rename={"ship": "boat"}, **named),
            options,
            image,
            Packed("m", "1"),
            tmp_path / f"bundle{file.suffix}",
        )
        for file, named in ((weights, {}), (network, {"parameters": {"epochs": 7}}))
    ]
    one, other = (bundle.expected.read_bytes() for bundle in bundles)
    assert one == other
    assert b'"boat"' in one or b'"buoy"' in one
    # Own weights tell their features, too, for the outlier score; a foreign network does not.
    outputs = [len(InferenceSession(bundle.network).get_outputs()) for bundle in bundles]
    assert outputs[0] == outputs[1] + 1
    assert (
        "| origin | trained elsewhere: detect.onnx |" in (bundles[1].folder / "card.md").read_text()
    )


class Trap:
    """Makes a folder as soon as it is unpickled."""

    def __init__(self, sprung: Path) -> None:
        self.sprung = sprung

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.sprung),)


def test_a_pickle_that_wants_more_is_refused_with_the_way_to_allow_it(elsewhere, tmp_path):
    import torch

    weights, _ = elsewhere()
    content = torch.load(weights, weights_only=False)
    trapped = tmp_path / "trapped.pt"
    torch.save({**content, "date": Trap(tmp_path / "sprung")}, trapped)
    with pytest.raises(DetectorError, match=f"allow it with: {TRUSTED_WEIGHTS}="):
        register(trapped, tmp_path)
    assert not (tmp_path / "sprung").exists()


def without_metadata(network: Path) -> Path:
    model = onnx.load(network)
    model.ClearField("metadata_props")
    bare = network.with_name("bare.onnx")
    onnx.save(model, bare)
    return bare


def test_a_network_of_another_program_needs_its_head_and_classes(elsewhere, tmp_path):
    bare = without_metadata(elsewhere()[1])
    with pytest.raises(DetectorError, match=r"State its head: --set registration\.head=nms"):
        register(bare, tmp_path)
    with pytest.raises(DetectorError, match=r"--set 'registration\.class_names="):
        register(bare, tmp_path, head="nms")
    with pytest.raises(DetectorError, match=r"Correct registration\.head"):
        register(bare, tmp_path, head="end2end", class_names=CLASS_NAMES)
    with pytest.raises(DetectorError, match="for 1 classes"):
        register(bare, tmp_path, head="nms", class_names=["ship"])
    detector = register(bare, tmp_path, head="nms", class_names=CLASS_NAMES)
    assert (detector.head, detector.class_names) == ("nms", CLASS_NAMES)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        pytest.param({"rename": {"car": "ship"}}, "there is no class 'car'", id="rename"),
        pytest.param({"rename": {"ship": "buoy"}}, "Two classes have one name", id="doubled"),
        pytest.param({"class_names": ["a"]}, "names 1 classes, and .* has 2", id="number"),
        pytest.param({"class_names": ["a", "b"]}, "No class of detect.pt", id="no common class"),
        pytest.param({"head": "nms"}, "belongs to an ONNX file", id="head"),
    ],
)
def test_weights_with_wrong_options_are_refused(options, message, elsewhere, tmp_path):
    with pytest.raises(DetectorError, match=message):
        register(elsewhere()[0], tmp_path, **options)


def test_files_of_another_kind_are_refused(elsewhere, tmp_path):
    weights, network = elsewhere()
    (tmp_path / "no.onnx").write_bytes(b"nothing")
    (tmp_path / "no.txt").touch()
    for file in (weights, network):
        with pytest.raises(DetectorError, match="oriented boxes"):
            register(file, tmp_path, ShapeKind.OBB)
    with pytest.raises(DetectorError, match="is no ONNX network"):
        register(tmp_path / "no.onnx", tmp_path)
    with pytest.raises(DetectorError, match=r"neither an ultralytics checkpoint \(.pt\) nor"):
        register(tmp_path / "no.txt", tmp_path)
    with pytest.raises(DetectorError, match="does not exist"):
        register(tmp_path / "missing.pt", tmp_path)


def test_a_network_that_names_another_file_or_takes_any_size_is_refused(elsewhere, tmp_path):
    model = onnx.load(elsewhere()[1])
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="../secret")
    (tmp_path / "outside.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(DetectorError, match=r"would read another file \(../secret\)"):
        register(tmp_path / "outside.onnx", tmp_path)
    sides = [1, 3, "height", "width"]
    value = helper.make_tensor_value_info("x", TensorProto.FLOAT, sides)
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "g", [value], [value])
    onnx.save(helper.make_model(graph), tmp_path / "any.onnx")
    with pytest.raises(DetectorError, match="one fixed, square size"):
        register(tmp_path / "any.onnx", tmp_path, head="nms", class_names=["ship"])


def test_a_network_is_used_at_its_own_size_and_in_no_other_runtime(elsewhere, tmp_path):
    detector = register(elsewhere()[1], tmp_path)
    tiles = tiny_tiles_of(tmp_path / "tiles", DETECT, tiles=2)
    larger = [replace(one, window=replace(one.window, width=640, height=640)) for one in tiles]
    options = EvaluationOptions(device="cpu")
    assert tile_image_size(replace(detector, tile_side=64), larger, options) == SIDE
    for changes, message in (
        ({"imgsz": 96}, "Leave out imgsz"),
        ({"augment": True}, "Set augment to false"),
    ):
        with pytest.raises(DetectorError, match=message):
            load_predictor(detector, PredictorOptions(device="cpu", **changes))
    with pytest.raises(DetectorError, match="cannot run in tensorrt"):
        load_predictor(detector, PredictorOptions(device="cpu"), backend="tensorrt")
