"""A command imports what it needs, not what others need: imports are most of its time."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.conftest import PROJECT_ROOT

ZENML = {"zenml", "sqlalchemy"}
LEARNING = {"torch", "torchvision", "ultralytics", "onnxruntime", "openvino", "albumentations"}
READING = {"cv2", "datasets", "pyvips", "rasterio", "shapely"}
TABLES = {"pandas", "scipy", "sklearn", "mlflow", "matplotlib", "faster_coco_eval"}
SERVICES = {"fiftyone", "label_studio_sdk", "google.cloud.storage", "kfp", "kubernetes"}
HEAVY = LEARNING | READING | TABLES | SERVICES
STORED = {"numpy", "pyarrow", "PIL", "materializers", "steps"}
PIPELINES = sorted(
    f"pipelines.{path.stem}"
    for path in (PROJECT_ROOT / "pipelines").glob("*.py")
    if path.stem != "__init__"
)
# Imported one after the other, so what an earlier one may not bring along comes first.
FREE_OF = {
    "run": ZENML | HEAVY | STORED,
    "commands.loop": ZENML | HEAVY | STORED,
    "utils.geometry": ZENML | HEAVY | STORED - {"numpy"},
    "commands.inspection": ZENML | HEAVY | {"materializers", "steps"},
    "commands.models.datasets": HEAVY | {"materializers", "steps"},
    "commands.models.stages": HEAVY | {"materializers", "steps"},
    "materializers": HEAVY | {"steps"},
    "commands.runs.execution": HEAVY,
    **dict.fromkeys(PIPELINES, HEAVY),
}


@pytest.fixture(scope="module")
def imported():
    """The modules that are there after each import, in a process of its own."""
    script = (
        "import importlib, json, sys\n"
        f"for name in {list(FREE_OF)}:\n"
        "    importlib.import_module(name)\n"
        "    print(json.dumps([name, list(sys.modules)]))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=PROJECT_ROOT
    )
    return dict(json.loads(line) for line in done.stdout.splitlines())


@pytest.mark.parametrize("name", FREE_OF)
def test_a_module_brings_no_heavy_library_along(imported, name):
    assert name in imported[name]
    assert FREE_OF[name].isdisjoint(imported[name])


def test_a_process_with_the_compiler_of_pytorch_ends_without_a_word():
    """It reports every function of its own that is not collected at the end."""
    pytest.importorskip("triton")
    code = "from utils.garbage import collect_seldom; collect_seldom(); import triton"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "")
