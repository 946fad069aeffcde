"""Real trainings side by side: what the table says is what ZenML and MLflow have."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import uuid4

import pytest
from zenml import Model, link_artifact_to_model, pipeline, save_artifact, step
from zenml.client import Client
from zenml.models import PipelineRunResponse

import materializers  # noqa: F401  (tells ZenML how to store the nouns)
from commands.arguments import parse_arguments
from commands.models.experiments import compare_experiments
from commands.runs.execution import plan_runs, run_pipeline
from tests.fixtures.detector import tiny_tiles
from tests.page_parts import rows_under
from utils.dataset.labeled import LabeledDataset
from utils.detection.mlflow_store import open_store
from utils.detection.options import TrackingOptions
from utils.errors import ConfigurationError, DetectorError
from utils.tiling.manifest import TileManifest

pytestmark = pytest.mark.slow

TILES = 24
MODEL = f"model-{uuid4().hex[:8]}"
COMMON = {
    "training.imgsz": 64,
    "training.batch": 4,
    "training.device": "cpu",
    "training.arguments": "{plots: false, warmup_epochs: 0, optimizer: AdamW, lr0: 0.002}",
    "evaluation.device": "cpu",
    "evaluation.bootstrap.samples": 100,
}


@dataclass
class Trained:
    """Two runs of the training pipeline, and what `--compare` says of them."""

    runs: tuple[PipelineRunResponse, PipelineRunResponse]

    def compared(self, capsys: pytest.CaptureFixture[str], *selectors: str) -> tuple[str, str, str]:
        """Output, complaints, and the page."""
        compare_experiments(selectors or [run.name for run in self.runs], MODEL)
        shown = capsys.readouterr()
        return shown.out, shown.err, Path(shown.out.split("report: ")[1].strip()).read_text()


@step
def nothing() -> int:
    return 0


@pipeline(enable_cache=False)
def no_training() -> None:
    """A run of another pipeline."""
    nothing()


def train(**parameters: object) -> PipelineRunResponse:
    """Do the work of `python run.py --training`, for a small training."""
    sets = [f"{key}={value}" for key, value in {**COMMON, **parameters}.items()]
    typed = [part for one in sets for part in ("--set", one)]
    (loop,) = parse_arguments(["--training", "--local", *typed]).requests
    (planned,) = plan_runs(loop)
    settings = planned.configuration.settings | {"model": {"name": MODEL, "version": "staging"}}
    run_pipeline(replace(planned, configuration=replace(planned.configuration, settings=settings)))
    return Client().list_pipeline_runs(size=1, hydrate=True).items[0]


@pytest.fixture(scope="module")
def trained(
    local_state: Path, shared_data: Path, tmp_path_factory: pytest.TempPathFactory
) -> Trained:
    folder = tmp_path_factory.mktemp("experiments")
    tiles, _ = tiny_tiles(folder / "tiles", TILES)
    labels = LabeledDataset.write(folder / "labels.parquet", ["ship"], tiles)
    manifest = TileManifest.write(folder / "manifest.parquet", ["ship"], [])
    Client().create_model(MODEL)
    version = Client().create_model_version(MODEL)
    version.set_stage("staging")
    link_artifact_to_model(
        save_artifact(labels, "labeled_dataset"), Model(name=MODEL, version=version.name)
    )
    save_artifact(manifest, "tile_manifest")
    weights = {"training.model_checkpoint": shared_data / "weights" / "yolov8n.pt"}
    flip = {"training.augmentations": "[{name: HorizontalFlip, p: 0.5}]"}
    return Trained(
        (
            train(**weights, **{"training.epochs": 1}),
            train(**weights, **flip, **{"training.epochs": 4}),
        )
    )


def row(shown: str, name: str) -> list[str]:
    """The cells of a row of the table."""
    (line,) = re.findall(rf"^  {re.escape(name)}  +(.*)$", shown, re.MULTILINE)
    return re.split(r"  +", line.strip())


def test_only_what_differs_is_listed(trained, capsys):
    shown, complaints, page = trained.compared(capsys)
    assert row(shown, "training.epochs") == ["1", "4"]
    assert row(shown, "training.augmentations")[0] == "[]"
    assert "training.batch" not in shown
    assert complaints == ""  # the same test tiles
    assert ["training.epochs", "1", "4"] in rows_under(page, "Parameters that differ")
    assert "<h2>Scores on unseen tiles</h2>" in page
    assert "<h2>While training</h2>" in page
    assert "http" not in page.replace("http-equiv", "")


def test_mlflow_has_the_same_runs(trained, capsys):
    shown, _, _ = trained.compared(capsys)
    client = open_store(TrackingOptions()).client
    found = [client.get_run(run_id).data for run_id in row(shown, "MLflow run")]
    assert [one.params["epochs"] for one in found] == row(shown, "training.epochs")
    prints = [one.params["data_fingerprint"][:12] for one in found]
    assert prints == row(shown, "fingerprint")
    for metric in ("mAP50", "mAP50-95", "scene mAP50"):
        values = [cell.split(" ")[0] for cell in row(shown, metric)]
        assert [f"{one.metrics[f'test/{metric}']:.3f}" for one in found] == values
        assert float(values[1]) > 0
    for one, run in zip(found, trained.runs, strict=True):
        detector = run.steps["train_detector"].outputs["trained_detector"][0].load()
        known = {name: value for name, value in detector.history[-1].items() if name in one.metrics}
        assert len(known) > 8
        assert known == pytest.approx({name: one.metrics[name] for name in known})


def test_runs_are_found_by_id_beginning_and_version(trained, capsys):
    first, second = trained.runs
    shown, _, _ = trained.compared(capsys, str(first.id)[:12], f"{MODEL}:staging")
    assert row(shown, "run") == [first.name, second.name]
    assert row(shown, "model version") == [f"{MODEL} 1", f"{MODEL} 1"]


@pytest.mark.parametrize(
    ("selectors", "error", "message"),
    [
        pytest.param(["{0}", "{0}x"], ConfigurationError, "Did you mean {0}", id="misspelt"),
        pytest.param(["training_pipeline", "{1}"], ConfigurationError, "several", id="ambiguous"),
        pytest.param(["{0}", "nothing-like-it"], ConfigurationError, "no run is", id="unknown"),
        pytest.param(["{1}", "1"], ConfigurationError, "are the same run", id="twice"),
    ],
)
def test_what_cannot_be_compared_is_one_clear_error(trained, selectors, error, message):
    names = [run.name for run in trained.runs]
    with pytest.raises(error, match=re.escape(message.format(*names))):
        compare_experiments([one.format(*names) for one in selectors], MODEL)


def test_a_run_without_a_detector_is_an_error(trained):
    run = no_training()
    with pytest.raises(DetectorError, match="has left no detector"):
        compare_experiments([trained.runs[0].name, run.name], MODEL)


def test_a_version_without_a_detector_is_an_error(trained):
    Client().create_model_version(MODEL, "bare")
    with pytest.raises(DetectorError, match="has no detector from a training"):
        compare_experiments([trained.runs[0].name, "bare"], MODEL)


def test_an_evaluation_of_an_earlier_version_does_not_keep_the_rest_from_being_compared(
    trained, capsys
):
    (evaluation,) = trained.runs[0].steps["evaluate_detector"].outputs["evaluation"]
    card = Path(evaluation.uri) / "evaluation.json"
    written = card.read_text()
    card.write_text(written.replace('"format": "', '"format": "an earlier '))
    try:
        shown, complaints, _ = trained.compared(capsys)
    finally:
        card.write_text(written)
    assert "There is no evaluation of A that this version of Spyglass can read." in complaints
    assert row(shown, "training.epochs") == ["1", "4"]
    assert row(shown, "mAP50")[0] == "-"
