from __future__ import annotations

import subprocess
import sys
from typing import get_args

import pytest
from pydantic import TypeAdapter, ValidationError

from tests.conftest import PROJECT_ROOT
from utils.scenes import options
from utils.scenes.common_options import CommonSourceOptions
from utils.scenes.options import SourceOptions

SOURCES = CommonSourceOptions.__subclasses__()


def validate(**values):
    return TypeAdapter(SourceOptions).validate_python(values)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        pytest.param({"kind": "coc", "path": "x"}, "'coco'", id="kind"),
        pytest.param({"kind": "coco", "paht": "x"}, "did you mean 'path'", id="key"),
        pytest.param({"kind": "voc"}, "Field required", id="missing path"),
        pytest.param({"kind": "folder", "path": "x", "name": "a/b"}, "pattern", id="slash"),
        pytest.param({"kind": "folder", "path": "x", "name": ".."}, "pattern", id="dots"),
        pytest.param({"kind": "folder", "path": "x", "max_scenes": 0}, "greater", id="no scenes"),
        pytest.param({"kind": "synthetic", "width": 10}, "greater", id="tiny"),
    ],
)
def test_wrong_options_are_refused(values, words):
    with pytest.raises(ValidationError, match=words):
        validate(**values)


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.__name__)
def test_every_option_is_described(source):
    assert all(field.description for field in source.model_fields.values())


def test_the_default_source_is_the_ship_detection_dataset():
    assert validate(kind="hugging_face").dataset == "datadrivenscience/ship-detection"


def test_options_and_sources_load_nothing_heavy():
    heavy = (
        "torch",
        "zenml",
        "datasets",
        "pyvips",
        "rasterio",
        "pyogrio",
        "cv2",
        "google.cloud.storage",
    )
    program = f"import sys, utils.scenes.sources; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        cwd=PROJECT_ROOT,
        check=True,
    )
    assert done.stdout.strip() == "[]"


def test_every_kind_of_source_is_part_of_the_union():
    kinds = {
        kind for source in SOURCES for kind in get_args(source.model_fields["kind"].annotation)
    }
    labelled = {"hugging_face", "coco", "voc", "yolo", "classes", "masks", "gis"}
    tools = {"cvat", "makesense", "weed-ai", "label-studio", "fiftyone", "camera-traps"}
    assert kinds == {*labelled, *tools, "roboflow", "datumaro", "video", "folder", "synthetic"}
    assert options.SourceOptions is SourceOptions
