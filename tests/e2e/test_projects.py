"""Two projects in one ZenML store: nothing of the one reaches the other."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mlflow import MlflowClient
from PIL import Image
from zenml.client import Client

from records.artifacts import newest
from records.model_versions import versions_of
from tests.fixtures.user import User
from utils.paths import local_folder

pytestmark = pytest.mark.slow

NAMES = ("cells", "worms")
SIDE, SCENES = 64, 12
SPLITS = {"train": 0.5, "val": 0.25, "test": 0.25}
ANSWERS = ("--set", f"tile_size={SIDE}", "--yes")


@pytest.fixture(scope="module")
def worker(user: User) -> User:
    """A user whose projects have a folder of their own."""
    environment = user.environment | {"SPYGLASS_PROJECTS": str(user.folder / "projects")}
    return User(user.folder, environment)


@pytest.fixture(scope="module")
def projects(worker: User) -> dict[str, str]:
    """Output of the commands: `cells` goes round the loop, `worms` is ingested and exported.

    Each command of the one is followed by one of the other, so that the newest is never the own.
    """
    for name, value in (("cells", 230), ("worms", 150)):
        _images(worker.folder / name, value)
        place = f"source.path={worker.folder / name}"
        worker.calls("--new-project", name, "--set", place, *ANSWERS)
    cells, worms = (["--project", name] for name in NAMES)
    training = [
        "--set", "training.model_checkpoint=yolov8n.yaml", "--set", "training.allow_scratch=true",
        "--set", "training.epochs=1", "--set", f"training.imgsz={SIDE}", "--set",
        "training.device=cpu", "--set", f"fractions={SPLITS}", "--set",
        "evaluation.check_backends=false", "--set", "evaluation.bootstrap.samples=100",
    ]  # fmt: skip
    told = {"ingest": worker.calls(*cells, "--ingest")}
    worker.calls(*worms, "--ingest")
    told["export"] = worker.calls(*cells, "--export", "--promote", "staging")
    worker.calls(*worms, "--export", "--promote", "staging")
    told["training"] = worker.calls(*cells, "--training", "--local", *training)
    worker.calls(*cells, "--promote", "production")
    told["inference"] = worker.calls(
        *cells, "--inference", "--set", "inference.confidence=0.001",
        "--set", "inference.viewer_scenes=0", "--set", "inference.backend=pytorch",
    )  # fmt: skip
    worker.calls(*worms, "--fiftyone")
    worker.calls(*cells, "--fiftyone")
    return told


def _images(folder: Path, value: int) -> None:
    """Dark images with a bright box each, under the same names in each project."""
    rng = np.random.default_rng(value)
    (folder / "images").mkdir(parents=True)
    (folder / "labels").mkdir()
    (folder / "data.yaml").write_text(f"names: [{folder.name[:-1]}]")
    for number in range(SCENES):
        pixels = rng.integers(20, 60, (SIDE, SIDE, 3), dtype=np.uint8)
        pixels[20:40, 16:48] = value
        Image.fromarray(pixels).save(folder / "images" / f"{number}.png")
        (folder / "labels" / f"{number}.txt").write_text("0 0.5 0.46875 0.5 0.3125\n")


@pytest.fixture
def samples() -> dict[str, Any]:
    """The FiftyOne dataset of each project."""
    import fiftyone as fo

    return {name: fo.load_dataset(name) for name in NAMES}


def test_models_datasets_stores_and_labelling_projects_are_each_ones_own(worker, projects):
    for name in NAMES:
        assert worker.count_tasks(name) == SCENES
        assert len(list(versions_of(f"{name}-detector"))) == 1
        labels = newest("labeled_dataset", f"{name}-detector")
        assert labels is not None
        assert labels.load().class_names == (name[:-1],)
    assert "for project 'cells'" in projects["ingest"]
    client = MlflowClient(f"sqlite:///{local_folder('mlflow') / 'mlflow.db'}")
    experiments = [one.name for one in client.search_experiments()]
    assert "cells-detector" in experiments
    assert "worms-detector" not in experiments


def test_a_training_checks_the_tiles_of_its_own_labels(projects):
    (version,) = versions_of("cells-detector")
    checked = version.get_artifact("checked_dataset")
    assert checked is not None
    (manifest,) = checked.step.inputs["manifest"]
    assert manifest.load().class_names == ("cell",)
    newest_of_all = newest("tile_manifest")
    assert newest_of_all is not None
    assert newest_of_all.load().class_names == ("worm",)


def test_predictions_of_one_are_not_shown_with_the_other(projects, samples):
    assert len(samples["cells"]) == len(samples["worms"]) == SCENES
    schemas = {name: set(dataset.get_field_schema()) for name, dataset in samples.items()}
    assert "predictions" in schemas["cells"]
    assert not any(sample.has_field("predictions") and sample["predictions"]
                   for sample in samples["worms"])  # fmt: skip
    labels = samples["worms"].distinct("ground_truth.detections.label")
    assert labels == ["worm"]


def test_predictions_of_one_are_no_feedback_for_the_other(worker, projects):
    told = worker.calls("--project", "worms", "--feedback", exit_code=1)
    assert "worms-detector" in told
    picked = worker.calls("--project", "cells", "--feedback", "--set", "feedback.budget=2")
    assert "tiles picked" in picked
    for task in worker.project_tasks("worms"):
        assert not task["predictions"] or all(
            "worms" in str(one["model_version"]) or "truth" in str(one["model_version"])
            for one in task["predictions"]
        )


def test_datasets_are_listed_for_each(worker, projects):
    cells = worker.calls("--datasets", "--project", "cells")
    assert "cell 12" in cells
    assert "worm 12" not in cells
    assert re.search(r"of other models: .*worms-detector", cells)
    both = worker.calls("--datasets", "--set", "model.name=worms-detector")
    assert "worm 12" in both


def test_a_tag_of_one_does_not_find_a_version_of_the_other(worker, projects):
    (version,) = (
        Client().list_artifact_versions(artifact="labeled_dataset", model="cells-detector").items
    )
    worker.calls("--project", "cells", "--datasets", version.version, "--tag", "gold")
    told = worker.calls("--project", "worms", "--datasets", "gold", exit_code=1)
    assert "of the model 'worms-detector'" in told


def test_a_retraining_knows_its_own_project_only(worker, projects):
    told = worker.calls(
        "--project", "worms", "--retrain-if-due", "--set", "rule.reviewed_tiles=1000"
    )
    assert "No training is due" in told


def test_a_rollback_and_a_comparison_are_about_the_chosen_model(worker, projects):
    told = worker.calls("--project", "worms", "--rollback", exit_code=1)
    assert "model 'worms-detector'" in told
    assert "python run.py --project worms" in told
    told = worker.calls("--project", "worms", "--compare", "1", "2", exit_code=1)
    assert "worms-detector" in told
