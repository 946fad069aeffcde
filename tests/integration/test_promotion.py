"""A worse challenger is refused and a better one promoted, by predictions on the same tiles."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from html import unescape
from pathlib import Path
from uuid import uuid4

import pytest
from zenml import Model, link_artifact_to_model, save_artifact
from zenml.client import Client

import materializers  # noqa: F401  (tells ZenML how to store the nouns)
from commands.arguments import parse_arguments
from commands.models.promotion import promote_to_production, roll_back
from commands.models.stages import promote
from commands.runs.execution import plan_runs, run_pipeline
from records.model_versions import version_in
from tests.builders import boxes
from tests.fixtures.detector import tiny_options, tiny_tiles, write_tiny_dataset
from tests.fixtures.terminal import unfolded
from utils.dataset.labeled import LabeledDataset
from utils.dataset.splits import Split
from utils.detection.detector import Detector
from utils.detection.ultralytics.train import train_detector
from utils.errors import DetectorError, MissingStageError
from utils.evaluation.options import BootstrapOptions, EvaluationOptions, PromotionOptions
from utils.evaluation.promotion import decide_promotion

TILES = 32
TEST_SCENES = TILES // 4  # of one tile each
QUICK = EvaluationOptions(device="cpu", bootstrap=BootstrapOptions(samples=200))
LEARNS_FAST = {"mosaic": 0.0, "warmup_epochs": 0, "lr0": 0.002, "optimizer": "AdamW"}


@pytest.fixture(scope="module")
def detectors(
    local_state: Path, shared_data: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Detector]:
    """Two trainings: one barely begun and from scratch, one that has learned something."""
    dataset = write_tiny_dataset(tmp_path_factory.mktemp("contest"), TILES)
    weights = str(shared_data / "weights" / "yolov8n.pt")
    return {
        name: train_detector(
            dataset,
            tiny_options(
                model_checkpoint=checkpoint,
                epochs=epochs,
                arguments={"plots": False, **LEARNS_FAST},
            ),
        )
        for name, checkpoint, epochs in (("worse", "yolov8n.yaml", 1), ("better", weights, 8))
    }


@pytest.fixture(scope="module")
def test_tiles(tmp_path_factory):
    tiles, splits = tiny_tiles(tmp_path_factory.mktemp("test-tiles"), TILES)
    return [tile for tile in tiles if splits[tile.scene_id] == Split.TEST]


@pytest.fixture
def compare(detectors, test_tiles, tmp_path):
    def run(champion, challenger, **asked):
        return decide_promotion(
            ("1", detectors[champion]),
            ("2", detectors[challenger]),
            test_tiles,
            {tile.tile_id: Path(tile.uri) for tile in test_tiles},
            tmp_path,
            PromotionOptions(**{"max_slowdown": 100} | asked),
            QUICK,
        ).comparison

    return run


@pytest.mark.parametrize(
    ("champion", "challenger", "promotes"),
    [
        pytest.param("worse", "better", True, id="a better one is promoted"),
        pytest.param("better", "worse", False, id="a worse one is refused"),
        pytest.param("better", "better", False, id="a tie keeps the champion"),
    ],
)
def test_only_a_better_challenger_wins(compare, champion, challenger, promotes):
    comparison = compare(champion, challenger, margin=0.0, min_scenes=TEST_SCENES)
    assert comparison.promotes == promotes, comparison.verdict


def test_one_scene_with_objects_decides_nothing(detectors, test_tiles, tmp_path):
    tiles = [replace(tile, shapes=boxes()) for tile in test_tiles[1:]] + test_tiles[:1]
    images = {tile.tile_id: Path(tile.uri) for tile in tiles}
    sides = ("1", detectors["worse"]), ("2", detectors["better"])
    contest = decide_promotion(*sides, tiles, images, tmp_path, PromotionOptions(), QUICK)
    assert "evaluated on at least 2 scenes with objects: on 1;" in contest.comparison.verdict


def test_the_same_detector_differs_from_itself_in_no_sample(compare):
    comparison = compare("better", "better", margin=0.0)
    assert (comparison.difference.low, comparison.difference.high) == (0, 0)
    assert comparison.share_better == 0


@pytest.mark.parametrize(
    ("asked", "broken"),
    [
        pytest.param({"margin": 0.9}, "better by more than 0.9", id="margin"),
        pytest.param({"max_slowdown": 0.001}, "times as slow", id="time"),
        pytest.param({"min_scenes": TEST_SCENES + 1}, "pin more to test", id="scenes"),
    ],
)
def test_a_better_challenger_that_breaks_a_rule_is_refused(compare, asked, broken):
    comparison = compare("worse", "better", **asked)
    assert not comparison.promotes
    assert broken in comparison.verdict


def test_a_class_that_gets_worse_keeps_the_champion(compare):
    comparison = compare("better", "worse", class_floor=0.0)
    assert [rule.holds for rule in comparison.rules][:2] == [False, False]


def test_test_tiles_without_boxes_cannot_decide(detectors, tmp_path):
    with pytest.raises(DetectorError, match="no boxes"):
        decide_promotion(
            ("1", detectors["worse"]),
            ("2", detectors["better"]),
            [],
            {},
            tmp_path,
            PromotionOptions(),
            QUICK,
        )


@pytest.fixture
def contest(detectors, tmp_path) -> Callable[..., str]:
    """Makes a model whose versions have these detectors, the first in production."""
    tiles, splits = tiny_tiles(tmp_path / "tiles", TILES)
    labels = LabeledDataset.write(tmp_path / "labels.parquet", ["ship"], tiles)

    def make(*names: str) -> str:
        model = f"model-{uuid4().hex[:8]}"
        Client().create_model(model)
        for name in names:
            version = Client().create_model_version(model)
            nouns = {
                "trained_detector": detectors[name],
                "splits": {scene: split.value for scene, split in splits.items()},
                "checked_dataset": labels,
                "labeled_dataset": labels,
            }
            for artifact, noun in nouns.items():
                saved = save_artifact(noun, artifact)
                link_artifact_to_model(saved, Model(name=model, version=version.name))
        return model

    return make


def promote_as_typed(model: str, *arguments: str) -> None:
    """Do the work of `python run.py --promote production` for a model."""
    quick = ["promotion.max_slowdown=100", "evaluation.device=cpu"]
    sets = [part for value in quick for part in ("--set", value)]
    (loop,) = parse_arguments(["--promote", "production", *sets, *arguments]).requests
    (planned,) = plan_runs(loop)
    promote_to_production(model, planned, loop.promote)


def in_production(model: str) -> int:
    return version_in(model, "production").number


def test_promotion_in_zenml_from_first_to_rollback(contest, capsys):
    model = contest("better", "worse")
    Client().get_model_version(model, "1").set_stage("staging")
    promote_as_typed(model)
    assert in_production(model) == 1  # nothing to compare with

    promote("staging", model)
    promote_as_typed(model)
    assert in_production(model) == 1
    assert "Version 1 stays" in capsys.readouterr().out
    for number in ("1", "2"):
        noted = version_in(model, number).run_metadata["promotion of version 2"]
        assert noted["promotes"] is False
    decided = version_in(model, "2").get_artifact("promotion")
    contest = decided.load()
    assert json.loads(json.dumps(contest.comparison.card())) == noted
    assert contest.champion.tiles_fingerprint == contest.challenger.tiles_fingerprint
    for side, evaluation in (("champion", contest.champion), ("challenger", contest.challenger)):
        alone = evaluation.tile_scores.metrics["mAP50-95"].value
        assert getattr(contest.comparison, side).score.value == pytest.approx(alone, abs=5e-3)
    page = unescape(Path(decided.run_metadata["page"]).read_text())
    assert contest.comparison.verdict in page
    assert page.count("Worst tiles") == 2

    promote_as_typed(model, "--force", "--reason", "the customer asks for it")
    assert in_production(model) == 2
    reason = version_in(model, "2").run_metadata["promoted without comparison"]["reason"]
    assert reason == "the customer asks for it"

    assert roll_back(model).startswith("Version 1 of ")
    assert in_production(model) == 1


def test_a_better_version_takes_over_in_zenml(contest, capsys):
    model = contest("worse", "better")
    Client().get_model_version(model, "1").set_stage("production")
    promote("staging", model)

    promote_as_typed(model)

    assert in_production(model) == 2
    assert "Version 2 is better than version 1" in capsys.readouterr().out
    assert roll_back(model).startswith("Version 1 of ")


def test_a_second_rollback_goes_one_further_back(contest):
    model = contest("worse", "worse", "better")
    for number in ("1", "2", "3"):
        force(model, number)
    assert in_production(model) == 3
    roll_back(model)
    assert in_production(model) == 2
    roll_back(model)
    assert in_production(model) == 1
    for left, back in ((3, 2), (2, 1)):
        for number in (left, back):
            noted = version_in(model, str(number)).run_metadata[f"rollback of version {left}"]
            assert noted["to version"] == back
    with pytest.raises(MissingStageError, match="none to bring back"):
        roll_back(model)


def force(model: str, number: str) -> None:
    """Put a version into production, whatever is there."""
    Client().get_model_version(model, number).set_stage("staging", force=True)
    promote_as_typed(model, "--force", "--reason", "a test")


def test_what_was_rolled_back_does_not_come_again_unless_it_is_promoted_again(contest):
    model = contest("worse", "worse", "better")
    force(model, "1")
    force(model, "2")
    roll_back(model)
    force(model, "3")
    roll_back(model)
    assert in_production(model) == 1
    force(model, "2")
    force(model, "3")
    roll_back(model)
    assert in_production(model) == 2


def test_a_version_that_came_into_staging_meanwhile_is_not_promoted(contest, monkeypatch):
    model = contest("worse", "better", "worse")
    Client().get_model_version(model, "1").set_stage("production")
    Client().get_model_version(model, "2").set_stage("staging")

    def run_while_another_comes(*arguments: object, **options: object) -> None:
        run_pipeline(*arguments, **options)
        Client().get_model_version(model, "3").set_stage("staging", force=True)

    monkeypatch.setattr("commands.models.promotion.run_pipeline", run_while_another_comes)
    with pytest.raises(MissingStageError, match="version 3 came into staging instead of version 2"):
        promote_as_typed(model)
    assert in_production(model) == 1


def test_without_an_earlier_version_there_is_nothing_to_roll_back_to(contest):
    model = contest()
    with pytest.raises(MissingStageError, match="none to bring back"):
        roll_back(model)


def evaluate_as_typed(model: str) -> None:
    """Do the work of `python run.py --evaluate` for the version of a model in staging."""
    Client().get_model_version(model, "1").set_stage("staging")
    (loop,) = parse_arguments(["--evaluate", "--set", "evaluation.device=cpu"]).requests
    (planned,) = plan_runs(loop)
    settings = planned.configuration.settings | {"model": {"name": model, "version": "staging"}}
    run_pipeline(replace(planned, configuration=replace(planned.configuration, settings=settings)))


def test_where_there_is_nothing_to_find_the_evaluation_says_so(contest, capsys, tmp_path):
    model = contest("better")
    tiles, _ = tiny_tiles(tmp_path / "bare", TILES)
    bare = [replace(tile, shapes=boxes()) for tile in tiles]
    newer = LabeledDataset.write(tmp_path / "bare.parquet", ["ship"], bare)
    link_artifact_to_model(save_artifact(newer, "labeled_dataset"), Model(name=model, version="1"))

    evaluate_as_typed(model)

    assert "on unseen scenes: no object to find, so no score" in capsys.readouterr().out


def test_a_version_is_evaluated_on_the_newest_labels_of_its_model_in_zenml(
    contest, capsys, tmp_path
):
    model, other = contest("better"), f"model-{uuid4().hex[:8]}"
    newer = LabeledDataset.write(tmp_path / "newer.parquet", ["car"], [])
    Client().create_model(other)
    of_other = Model(name=other, version=Client().create_model_version(other).name)
    link_artifact_to_model(save_artifact(newer, "labeled_dataset"), of_other)

    evaluate_as_typed(model)

    shown = unfolded(capsys.readouterr().out)
    page = Path(shown.split("page: ")[1].split()[0])
    assert page.read_text().startswith("<!doctype html>")
    evaluation = version_in(model, "1").get_artifact("evaluation").load()
    assert evaluation.tiles == TILES // 4
    scores = [evaluation.metrics[name] for name in ("mAP50", "mAP50-95")]
    assert "on unseen scenes: mAP50 {:.3f}, mAP50-95 {:.3f}".format(*scores) in shown
