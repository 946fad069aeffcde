"""The reference of a bundle: features that change no box, and notes by the service's own code."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from PIL import Image

from tests.fixtures.bundles import BUNDLE_OPTIONS
from tests.fixtures.kinds import SIDE, tiny_tiles_of
from utils.detection.onnx.network import FEATURES
from utils.errors import BundleError
from utils.monitoring.outliers import OutlierReference
from utils.monitoring.tables import NoteTable
from utils.serving.bundle import Bundle
from utils.serving.network_file import write_network
from utils.serving.packing import Packed, pack_detector
from utils.serving.prediction import network_of, predict_image
from utils.serving.reference import ReferenceTiles
from utils.serving.service.detector import PackedDetector
from utils.shapes.shapes import ShapeKind


def outputs_of(model: onnx.ModelProto, image: np.ndarray) -> dict[str, np.ndarray]:
    session = onnxruntime.InferenceSession(model.SerializeToString())
    (entrance,) = session.get_inputs()
    names = [one.name for one in session.get_outputs()]
    return dict(zip(names, session.run(None, {entrance.name: image}), strict=True))


@pytest.mark.parametrize("kind", ShapeKind)
def test_features_change_no_digit_of_the_other_outputs(kind, tiny_detector_of, tmp_path) -> None:
    write_network(tiny_detector_of(kind), SIDE, tmp_path / "network.onnx")
    model = onnx.load(tmp_path / "network.onnx")
    image = np.random.default_rng(0).random((1, 3, SIDE, SIDE), dtype=np.float32)
    found = outputs_of(model, image)
    assert found.pop(FEATURES).shape[2:] == (1, 1)
    del model.graph.output[-1], model.graph.node[-1]
    before = outputs_of(model, image)
    assert found.keys() == before.keys()
    assert all(np.array_equal(found[name], before[name]) for name in found)


@pytest.fixture(scope="module")
def packed(tiny_detector_of, tmp_path_factory) -> tuple[Bundle, ReferenceTiles]:
    folder = tmp_path_factory.mktemp("reference")
    tiles = tiny_tiles_of(folder / "tiles", ShapeKind.DETECT, tiles=8)
    images = {tile.tile_id: Path(tile.uri) for tile in tiles}
    reference = ReferenceTiles(tiles[:4], tiles[4:], images)
    image = np.asarray(Image.open(tiles[0].uri))
    facts = Packed("tiny", "1")
    detector = tiny_detector_of(ShapeKind.DETECT)
    bundle = pack_detector(detector, BUNDLE_OPTIONS, image, facts, folder / "bundle", reference)
    return bundle, reference


def test_a_bundle_holds_the_notes_of_its_test_split(packed) -> None:
    bundle, reference = packed
    notes = list(NoteTable(bundle.reference))
    assert {note.image for note in notes} == {tile.sha256 for tile in reference.test}
    network = network_of(bundle)
    for tile in reference.test:
        image = np.asarray(Image.open(tile.uri))
        found = predict_image(network, image, bundle.settings)
        windows = [note for note in notes if note.image == tile.sha256]
        if len(windows) == 1:
            assert [list(box) for box in windows[0].boxes] == found.xyxy.round(2).tolist()
    assert all(note.time == note.milliseconds == 0 for note in notes)
    assert {note.request for note in notes} == {tile.scene_id for tile in reference.test}


def test_a_training_tile_is_less_of_an_outlier_than_what_nobody_has_seen(packed) -> None:
    bundle, reference = packed
    detector = PackedDetector.load(bundle.folder, 1)
    assert isinstance(detector.outliers, OutlierReference)

    def outlier(image: Path) -> float:
        scan = detector.scan(image, {}, detector.pixel_options(10**9))
        (first, *_) = (seen for row in scan.rows() for seen in row.seen)
        return float(first.facts(0.5, detector.outliers)["outlier"])

    strange = bundle.root.parent / "strange.png"
    stripes = np.zeros((SIDE, SIDE, 3), np.uint8)
    stripes[::2, :, 0] = 255
    Image.fromarray(stripes).save(strange)
    known = [outlier(reference.images[tile.tile_id]) for tile in reference.training]
    assert outlier(strange) > max(1.0, float(np.mean(known)))


def test_a_bundle_without_tiles_serves_as_before(bundle) -> None:
    assert not bundle.reference.exists()
    assert PackedDetector.load(bundle.folder, 1).outliers is None


def test_the_same_tiles_make_the_same_bytes(packed, tiny_detector_of, tmp_path) -> None:
    bundle, reference = packed
    tile = reference.training[0]
    image = np.asarray(Image.open(tile.uri))
    again = pack_detector(
        *(tiny_detector_of(ShapeKind.DETECT), BUNDLE_OPTIONS, image),
        *(Packed("tiny", "1"), tmp_path / "bundle", reference),
    )
    assert again.digest == bundle.digest


def test_a_reference_is_refused_once_it_is_changed(packed, tmp_path) -> None:
    packed[0].save(tmp_path / "bundle")
    (tmp_path / "bundle" / "src" / "outliers.npz").write_bytes(b"")
    with pytest.raises(BundleError, match=r"outliers\.npz was changed"):
        Bundle.load(tmp_path / "bundle")
