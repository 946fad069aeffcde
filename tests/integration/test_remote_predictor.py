"""A running service in the place of the network: the same boxes, to the last digit."""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.fixtures.bundles import BUNDLE_OPTIONS, BundleOf
from tests.fixtures.kinds import TinyDetector
from utils.detection.options import InferenceOptions
from utils.detection.predict import predict_scenes
from utils.errors import ServiceError
from utils.scenes.options import FolderSource
from utils.scenes.sources import open_source
from utils.serving.bundle import Bundle
from utils.serving.client import Client
from utils.serving.process import serving
from utils.serving.remote_predictor import as_ppm, remote_loader
from utils.shapes.shapes import ShapeKind

OPTIONS = BUNDLE_OPTIONS.updated(max_boxes=5, confidence=5e-4, backend="onnx", outputs=())
KINDS = [
    pytest.param(kind, marks=() if kind == ShapeKind.DETECT else pytest.mark.slow)
    for kind in ShapeKind
]


@pytest.fixture(scope="module", params=KINDS)
def bundle(request: pytest.FixtureRequest, bundle_of: BundleOf) -> Bundle:
    return bundle_of(request.param)


@pytest.fixture(scope="module")
def client(bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    with serving(bundle, tmp_path_factory.mktemp("service")) as client:
        yield client


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A picture of several windows, and one smaller than a window."""
    folder = tmp_path_factory.mktemp("pictures")
    rng = np.random.default_rng(0)
    for name, size in {"large": (150, 200, 3), "small": (40, 50, 3)}.items():
        pixels = rng.integers(0, 255, size, dtype=np.uint8)
        Image.fromarray(pixels).resize(size[1::-1]).save(folder / f"{name}.png")
    return folder


def predicted(pictures: Path, detector, options: InferenceOptions, folder: Path, remote=None):
    source = open_source(FolderSource(path=str(pictures)))
    result = predict_scenes(
        source, detector, options, model_version="1", folder=folder, remote=remote
    )
    assert not result.issues.items_set_aside()
    return list(result.predictions)


def test_an_inference_by_a_service_finds_the_same_to_the_last_digit(
    bundle: Bundle, client: Client, tiny_detector_of: TinyDetector, pictures: Path, tmp_path: Path
):
    detector = tiny_detector_of(bundle.kind)
    here = predicted(pictures, detector, OPTIONS, tmp_path / "here")
    options = OPTIONS.updated(service=client.url)
    remote = remote_loader(client, detector, options, "1")
    there = predicted(pictures, detector, options, tmp_path / "there", remote)
    assert sum(len(scene.shapes) for scene in here) > 2
    assert all("the service at" in scene.backend for scene in there)
    for own, other in zip(here, there, strict=True):
        assert (own.scene_id, own.windows) == (other.scene_id, other.windows)
        assert own.shapes == other.shapes
        assert own.faint_boxes == other.faint_boxes


DETECT = pytest.mark.parametrize("bundle", [ShapeKind.DETECT], indirect=True)


@DETECT
@pytest.mark.parametrize(
    ("changes", "remedy"),
    [
        ({"iou": 0.5}, "--set inference.iou=0.6"),
        ({"max_boxes": 9}, "--set inference.max_boxes=5"),
        ({"augment": True}, "--set inference.augment=False"),
        ({"imgsz": 128}, "--set inference.imgsz="),
    ],
)
def test_a_service_that_would_find_other_boxes_is_refused(
    bundle, client, tiny_detector_of, changes, remedy
):
    options = OPTIONS.updated(**changes)
    with pytest.raises(ServiceError, match="predicts with") as refused:
        remote_loader(client, tiny_detector_of(bundle.kind), options, "1")
    assert remedy in str(refused.value)


@DETECT
def test_a_service_of_another_version_is_refused(bundle, client, tiny_detector_of):
    with pytest.raises(ServiceError, match=r"serves version 1 .*\(version 2\).* --deploy"):
        remote_loader(client, tiny_detector_of(bundle.kind), OPTIONS, "2")


@DETECT
def test_a_service_of_another_detector_of_the_same_version_is_refused(
    bundle, client, tiny_detector_of, tmp_path
):
    other = tmp_path / "other.pt"
    shutil.copyfile(tiny_detector_of(bundle.kind).best, other)
    with zipfile.ZipFile(other, "a") as weights:
        weights.writestr("archive/more", "0")
    detector = replace(tiny_detector_of(bundle.kind), best=other)
    with pytest.raises(ServiceError, match="not the detector of this run"):
        remote_loader(client, detector, OPTIONS, "1")


@DETECT
def test_a_service_that_is_not_there_is_one_sentence(bundle, tiny_detector_of):
    with pytest.raises(ServiceError, match="http://127"):
        remote_loader(
            Client("http://127.0.0.1:9", attempts=1), tiny_detector_of(bundle.kind), OPTIONS, "1"
        )


def test_a_window_is_sent_without_a_loss():
    pixels = np.random.default_rng(0).integers(0, 255, (3, 5, 3), dtype=np.uint8)
    head, size, most, body = as_ppm(pixels).split(b"\n", 3)
    assert (head, size, most) == (b"P6", b"5 3", b"255")
    assert body == pixels.tobytes()
