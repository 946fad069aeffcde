"""A bundle holds everything to predict with, and is refused if a file is not as it was packed."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from utils.errors import BundleError
from utils.serving.bundle import Bundle
from utils.serving.objects import objects_of, shapes_of
from utils.serving.prediction import network_of, predict_image
from utils.shapes.shapes import ShapeKind


@pytest.fixture
def copied(bundle, tmp_path) -> Path:
    """A copy of the bundle to damage."""
    bundle.save(tmp_path / "copy")
    return tmp_path / "copy" / "src"


@pytest.mark.parametrize("kind", ShapeKind)
def test_a_bundle_of_each_kind_finds_on_its_test_image_what_it_must(kind, bundle_of):
    bundle = bundle_of(kind)
    expected = json.loads(bundle.expected.read_text())
    image = np.asarray(Image.open(bundle.test_image))
    found = predict_image(network_of(bundle), image, bundle.settings)
    assert len(found)
    assert found.kind == kind
    assert objects_of(found) == expected["objects"]
    again = shapes_of(expected["objects"], kind)
    assert (again.labels, again.xyxy.tolist()) == (found.labels, found.xyxy.tolist())
    assert again.areas == pytest.approx(found.areas)
    assert again.kind == kind


def test_a_bundle_is_known_by_its_content(bundle, copied):
    other = Bundle.open(copied)
    assert other.digest == bundle.digest
    assert other.settings == bundle.settings
    assert (other.root / "src").samefile(copied)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        pytest.param(
            lambda folder: (folder / "network.onnx").write_bytes(b"x"),
            "network.onnx was changed",
            id="changed",
        ),
        pytest.param(
            lambda folder: (folder / "test" / "expected.json").unlink(),
            "test/expected.json is missing",
            id="missing",
        ),
        pytest.param(
            lambda folder: (folder / "numpy.py").write_text("x = 1"),
            "numpy.py was added",
            id="added",
        ),
        pytest.param(
            lambda folder: (folder / "bundle.json").write_text("{"),
            "There is no bundle",
            id="no JSON",
        ),
        pytest.param(
            lambda folder: _rewrite(folder, format=2), "another version", id="another format"
        ),
        pytest.param(
            lambda folder: _rewrite(folder, settings={}), "damaged", id="without settings"
        ),
        pytest.param(
            lambda folder: _rewrite(folder, files={"../../secret": "0"}),
            "outside itself",
            id="a path outside",
        ),
        pytest.param(shutil.rmtree, "There is no bundle", id="nothing"),
    ],
)
def test_a_bundle_that_is_not_as_it_was_packed_is_refused(damage, message, copied):
    damage(copied)
    with pytest.raises(BundleError, match=message) as refused:
        Bundle.open(copied)
    assert str(copied) not in str(refused.value)


def _rewrite(folder: Path, **changes: object) -> None:
    card = json.loads((folder / "bundle.json").read_text())
    (folder / "bundle.json").write_text(json.dumps(card | changes))
