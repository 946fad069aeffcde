"""Every noun survives a step: what the next one loads is what the last one made."""

from __future__ import annotations

import tempfile
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated

import pytest
from zenml import pipeline, step
from zenml.client import Client
from zenml.enums import VisualizationType

import materializers  # noqa: F401  (tells ZenML how to store the nouns)
from tests.builders import boxes, labeled, make_tile
from tests.evaluations import make_evaluation
from utils.dataset.labeled import LabeledDataset
from utils.detection.detector import Detector
from utils.detection.predictions import Predictions, ScenePrediction
from utils.evaluation.evaluation import Evaluation
from utils.files import sha256_of
from utils.issues import IssueReport
from utils.tiling.manifest import TileManifest

NOUNS = {
    "manifest": TileManifest,
    "labels": LabeledDataset,
    "predictions": Predictions,
    "detector": Detector,
    "evaluation": Evaluation,
    "issues": IssueReport,
}

# Made by the fixture, stored by the first step, loaded by the second, which runs in this process.
made: dict[str, object] = {}
loaded: dict[str, object] = {}


@step(enable_cache=False)
def make_nouns() -> tuple[
    Annotated[TileManifest, "round_trip_manifest"],
    Annotated[LabeledDataset, "round_trip_labels"],
    Annotated[Predictions, "round_trip_predictions"],
    Annotated[Detector, "round_trip_detector"],
    Annotated[Evaluation, "round_trip_evaluation"],
    Annotated[IssueReport, "round_trip_issues"],
]:
    manifest, labels, predictions, detector, evaluation, issues = (made[name] for name in NOUNS)
    return manifest, labels, predictions, detector, evaluation, issues


@step(enable_cache=False)
def take_nouns(
    manifest: TileManifest,
    labels: LabeledDataset,
    predictions: Predictions,
    detector: Detector,
    evaluation: Evaluation,
    issues: IssueReport,
) -> None:
    nouns = (manifest, labels, predictions, detector, evaluation, issues)
    loaded.update(zip(NOUNS, map(content_of, nouns), strict=True))


@pipeline(enable_cache=False)
def round_trip() -> None:
    take_nouns(*make_nouns())


def content_of(noun: object) -> object:
    """The common content of two equal nouns, wherever their files are."""
    if isinstance(noun, TileManifest | LabeledDataset | Predictions):
        return noun.class_names, noun.path.read_bytes()
    if isinstance(noun, Detector):
        card = asdict(replace(noun, best=Path(), last=Path()))
        return card, noun.best.read_bytes(), noun.last.read_bytes()
    if isinstance(noun, Evaluation):
        pictures = {name: picture.read_bytes() for name, picture in noun.pictures.items()}
        return noun.card(), pictures
    return noun


def tables(folder: Path) -> dict[str, object]:
    """A manifest, the dataset of its tiles and predictions on their scene."""
    tiles = [
        make_tile(folder / "tiles", x=64 * number, seed=number, truth=boxes((5, 6, 20, 30)))
        for number in range(3)
    ]
    scene = ScenePrediction("harbour/a.png", tiles[0].uri, 64, 48, boxes((1, 2, 9, 9.5)), "7")
    return {
        "manifest": TileManifest.write(folder / "manifest.parquet", ["ship", "buoy"], tiles),
        "labels": LabeledDataset.write(folder / "labels.parquet", ["ship"], labeled(tiles)),
        "predictions": Predictions.write(folder / "predictions.parquet", ["ship"], [scene]),
    }


@pytest.fixture(scope="module")
def run(tiny_detector, tiny_dataset, tmp_path_factory) -> None:
    """Run a pipeline whose first step made one of each noun and whose second takes them."""
    folder = tmp_path_factory.mktemp("nouns")
    issues = IssueReport()
    issues.add("a.png", "image does not decode", "it is a text file")
    evaluation = make_evaluation(folder / "plots", mistakes=2)
    made.update(tables(folder), detector=tiny_detector, evaluation=evaluation, issues=issues)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tempfile, "tempdir", str(tmp_path_factory.mktemp("temporary")))
        round_trip()
        made["left over"] = [path.name for path in Path(tempfile.gettempdir()).rglob("*")]


@pytest.mark.parametrize("name", NOUNS)
@pytest.mark.usefixtures("run")
def test_what_is_loaded_equals_what_was_saved(name):
    assert loaded[name] == content_of(made[name])


@pytest.mark.parametrize("name", [name for name in NOUNS if name != "detector"])
@pytest.mark.usefixtures("run")
def test_every_noun_has_a_page(name):
    artifact = Client().get_artifact_version(f"round_trip_{name}")

    [page, *others] = sorted(artifact.visualizations, key=lambda shown: shown.type)
    assert {shown.type for shown in others} <= {VisualizationType.JSON}
    assert page.type == VisualizationType.HTML
    assert Path(page.uri).read_text().startswith("<!doctype html>")


@pytest.mark.parametrize(
    ("name", "figures"),
    [
        pytest.param("manifest", {"tiles": 3, "classes": ["ship", "buoy"]}, id="manifest"),
        pytest.param("labels", {"tiles": 3, "classes": ["ship"]}, id="labels"),
        pytest.param("predictions", {"scenes": 1, "boxes": 1}, id="predictions"),
        pytest.param("detector", {"classes": ["ship"], "image_size": 64}, id="detector"),
        pytest.param("issues", {"issues": 1, "kinds": {"image does not decode": 1}}, id="issues"),
    ],
)
@pytest.mark.usefixtures("run")
def test_figures_stand_beside_the_artifact(name, figures):
    metadata = Client().get_artifact_version(f"round_trip_{name}").run_metadata

    assert {key: metadata[key] for key in figures} == figures


@pytest.mark.usefixtures("run")
def test_no_temporary_file_outlives_the_step():
    assert made["left over"] == []


@pytest.mark.parametrize("name", ["manifest", "labels", "predictions"])
@pytest.mark.usefixtures("run")
def test_equal_tables_are_recognised_by_their_hash(name):
    artifact = Client().get_artifact_version(f"round_trip_{name}")

    assert artifact.content_hash == sha256_of(made[name].path)
