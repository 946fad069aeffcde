"""The notebook for Colab, run from its first cell to its last on a machine of its own."""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path

import nbformat
import pytest

from tests.builders import write_image
from tests.conftest import PROJECT_ROOT
from tests.unit.scenes.reading import write_yolo

NOTEBOOK = PROJECT_ROOT / "notebooks" / "spyglass_colab.ipynb"


def test_no_outputs_are_kept():
    for cell in nbformat.read(NOTEBOOK, as_version=4).cells:
        assert not cell.get("outputs")
        assert cell.get("execution_count") is None


def write_images(folder: Path) -> None:
    """Labelled images, in YOLO's form."""
    for number in range(24):
        write_image(folder / "images" / f"pass{number}.png", 96, 96, seed=number)
        write_yolo(folder / "labels" / f"pass{number}.txt", "0 0.5 0.5 0.25 0.25")
    (folder / "data.yaml").write_text("names: [ship]\n")


@pytest.mark.slow
def test_from_labelled_images_to_a_zip_and_again(local_state, tmp_path, monkeypatch):
    papermill = pytest.importorskip("papermill")
    write_images(tmp_path / "labelled")
    write_image(tmp_path / "new" / "a.png", 96, 96, seed=99)
    monkeypatch.setenv("SPYGLASS_ENVIRONMENTS", str(PROJECT_ROOT / ".local" / "environments"))
    parameters = {
        "labelled": str(tmp_path / "labelled"),
        "new_images": str(tmp_path / "new"),
        "name": "notebook",
        "epochs": 1,
        "image_size": 64,
        "start": "yolov8n.yaml",
        "kept": str(tmp_path / "drive"),
        "home": str(PROJECT_ROOT),
        "work": str(tmp_path / "work"),
    }
    done = tmp_path / "done.ipynb"
    papermill.execute_notebook(NOTEBOOK, done, parameters, kernel_name="python3", cwd=str(tmp_path))
    with zipfile.ZipFile(tmp_path / "drive" / "notebook-results.zip") as results:
        names = set(results.namelist())
    assert "predictions/predictions.json" in names
    assert any(name.endswith("best.pt") for name in names)
    # Another machine, which Drive alone knows.
    shutil.rmtree(tmp_path / "work")
    papermill.execute_notebook(NOTEBOOK, done, parameters, kernel_name="python3", cwd=str(tmp_path))
    told = done.read_text()
    assert "0 new tasks, 24 already there" in told
    assert "Training (batches)" not in told  # it is the same training
