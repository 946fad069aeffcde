"""A bundle is the same wherever and whenever it is packed, and tells nothing of the machine."""

from __future__ import annotations

import ast
import getpass
import re
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
import yaml
from PIL import Image

from tests.conftest import PROJECT_ROOT
from tests.fixtures.bundles import BUNDLE_OPTIONS, pack_twice_alike
from utils.detection.options import InferenceOptions
from utils.detection.ultralytics.checkpoint import load_weights
from utils.detection.ultralytics.network import load_network
from utils.errors import BundleError
from utils.serving.bundle import Bundle
from utils.serving.packed_code import serving_files
from utils.serving.packing import Packed, pack_detector, require_same, settings_of
from utils.serving.prediction import predict_image
from utils.shapes.shapes import ShapeKind

IMAGE = np.zeros((64, 64, 3), dtype=np.uint8)
PACK_AGAIN = """
import sys
from dataclasses import replace
from pathlib import Path
from tests.fixtures.bundles import pack_twice_alike
from utils.detection.detector import Detector
pack_twice_alike(Detector.load(Path(sys.argv[1])), Path(sys.argv[2]))
"""


def files_of(root: Path) -> dict[str, bytes]:
    return {
        file.relative_to(root).as_posix(): file.read_bytes()
        for file in sorted(root.rglob("*"))
        if file.is_file()
    }


def text_in(name: str, content: bytes) -> str:
    """The text of a file, and the texts within a binary one, as `strings` shows them."""
    if name.endswith(".onnx"):
        model = onnx.load_from_string(content)
        for tensor in model.graph.initializer:
            tensor.ClearField("raw_data")  # any letters occur among so many bytes
        content = model.SerializeToString()
    return "\n".join(found.decode() for found in re.findall(rb"[\x20-\x7e\n]{6,}", content))


@pytest.fixture(scope="module", params=ShapeKind)
def packed(request, tiny_detector_of, tmp_path_factory) -> Bundle:
    """A bundle of a detector that knows all about itself."""
    return pack_twice_alike(tiny_detector_of(request.param), tmp_path_factory.mktemp("packed"))


def test_a_bundle_names_neither_the_machine_nor_its_user(packed):
    own = [str(Path.home()), str(PROJECT_ROOT), str(packed.root.parent), getpass.getuser() + "@"]
    here = re.compile("|".join([*map(re.escape, own), rf"\b{re.escape(socket.gethostname())}\b"]))
    anyones = re.compile(
        r"/var/folders|/home/\w|/Users/\w|pytest-of-"
    )  # code may name such folders
    for name, content in files_of(packed.root).items():
        told = text_in(name, content)
        assert not here.search(told), name
        assert name.endswith((".py", "Dockerfile")) or not anyones.search(told), name


def test_a_card_tells_what_is_known_and_runs_nothing(packed):
    markdown = (packed.folder / "card.md").read_text()
    page = (packed.folder / "card.html").read_text()
    assert markdown == (packed.root / "README.md").read_text()
    for told in ("harbour", "CC0-1.0", "Known weaknesses", "0" * 40, "Licence of the images"):
        assert told in markdown
        assert told in page
    assert r"Tests of Spyglass \| with \<markup\> & \*stars\*." in markdown
    assert "with &lt;markup&gt; &amp; *stars*." in page
    assert "<script" not in page
    assert set(re.findall(r'(?:src|href)="(\w+:)', page)) == {"data:"}
    assert ("Scores by size" in page) == packed.kind.has_places


def test_the_same_version_is_packed_to_the_same_bytes_in_another_process(
    tiny_detector_of, tmp_path
):
    detector = tiny_detector_of(ShapeKind.DETECT)
    detector.save(tmp_path / "elsewhere")
    first = pack_twice_alike(detector, tmp_path / "first")
    command = [sys.executable, "-c", PACK_AGAIN, str(tmp_path / "elsewhere"), str(tmp_path / "2")]
    subprocess.run(command, cwd=PROJECT_ROOT, check=True)
    own, other = files_of(first.root), files_of(tmp_path / "2" / "bundle")
    assert own.keys() == other.keys()
    assert [name for name, content in own.items() if content != other[name]] == []


def test_a_bundle_is_a_bento_with_a_dockerfile_that_hadolint_accepts(packed):
    bento = yaml.safe_load((packed.root / "bento.yaml").read_text())
    assert bento["creation_time"] == "2026-11-30T01:02:03+00:00"
    assert bento["labels"]["digest"] == packed.digest
    assert "--hash=sha256:" in (packed.root / "env/python/requirements.txt").read_text()
    hadolint = Path(sys.executable).with_name("hadolint")
    subprocess.run([hadolint, packed.root / "env/docker/Dockerfile"], check=True)


def test_test_time_augmentation_is_not_packed(tiny_detector, tmp_path):
    options = BUNDLE_OPTIONS.updated(augment=True)
    with pytest.raises(BundleError, match=r"Set inference\.augment to false"):
        pack_detector(tiny_detector, options, IMAGE, Packed("m", "1"), tmp_path / "bundle")
    assert not (tmp_path / "bundle").exists()


def test_nothing_is_packed_over_another_bundle(tiny_detector, tmp_path):
    (tmp_path / "something").touch()
    with pytest.raises(BundleError, match="holds something already"):
        pack_detector(tiny_detector, BUNDLE_OPTIONS, IMAGE, Packed("m", "1"), tmp_path)


def test_a_network_that_finds_something_else_than_pytorch_is_not_packed(coco_bundle_parts):
    detector, options, image = coco_bundle_parts
    settings = settings_of(detector, options)
    network = load_network(detector, options, detector.image_size)
    network.keep_from(settings.confidence)
    found = predict_image(network, image, settings)
    assert len(found) > 5
    require_same(detector, options, found, image)
    with pytest.raises(BundleError, match=r"finds only \d+% of \d+ clear boxes"):
        require_same(detector, options, found.select(np.arange(3)), image)


@pytest.fixture
def coco_bundle_parts(tiny_detector, shared_data):
    """A detector that finds cars, options, and a photo of cars."""
    weights = shared_data / "weights" / "yolov8n.pt"
    names = tuple(load_weights(weights).names.values())
    detector = replace(tiny_detector, best=weights, class_names=names, image_size=640)
    image = np.asarray(Image.open(shared_data / "sahi" / "small-vehicles1.jpeg").convert("RGB"))
    return detector, InferenceOptions(tile_size=640, device="cpu"), image


def test_the_packed_code_needs_nothing_that_the_service_does_not_have():
    lock = (PROJECT_ROOT / "utils/serving/requirements.txt").read_text()
    locked = {
        name.replace("-", "_") for name in re.findall(r"^([a-z][\w-]*)==", lock, re.MULTILINE)
    }
    known = locked | {"PIL", "utils"} | set(sys.stdlib_module_names)
    for file in serving_files():
        if file.suffix == ".py":
            assert {name.split(".")[0] for name in imported_by(file)} <= known, file


def imported_by(file: Path) -> set[str]:
    """The modules that a file imports, at the top or in a function."""
    nodes = [*ast.walk(ast.parse(file.read_text()))]
    names = {one.name for node in nodes if isinstance(node, ast.Import) for one in node.names}
    return names | {str(node.module) for node in nodes if isinstance(node, ast.ImportFrom)}
