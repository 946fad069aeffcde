"""The whole loop, run as a user runs it: real Label Studio, ZenML, MLflow, MongoDB and FiftyOne."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from zenml.client import Client

from tests.fixtures.user import User
from tests.fixtures.wire import Wire

PROJECT = "end to end"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home folder of the user, empty at first."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def user(user: User, home: Path, wire: Wire) -> User:
    """The user with a home of their own, and with a watch on the wire of all they start."""
    return replace(user, environment={**user.environment, **wire.environment, "HOME": str(home)})


@pytest.fixture(scope="module")
def configurations(user: User) -> dict[str, str]:
    """Small ones: four little harbours and a training of one epoch."""
    model = {"name": "ship-detector"}
    harbours = {"kind": "synthetic", "scenes": 4, "width": 640, "height": 480, "ships": 8}
    return {
        "ingest": user.writes(
            "ingest",
            parameters={
                "source": harbours,
                "data_source": "store",
                "tiling": {"tile_size": 320, "overlap": 32},
                "label_studio": {"project": PROJECT},
            },
        ),
        "export": user.writes(
            "export", model=model, parameters={"label_studio": {"project": PROJECT}}
        ),
        "training": user.writes(
            "training",
            model={**model, "version": "staging"},
            parameters={
                "fractions": {
                    "pinned": {
                        "train": ["scene-000", "scene-001"],
                        "val": ["scene-002"],
                        "test": ["scene-003"],
                    }
                },
                "training": {"model_checkpoint": "yolov8n.yaml", "epochs": 1, "imgsz": 64},
            },
        ),
        "inference": user.writes(
            "inference",
            model={**model, "version": "production"},
            parameters={
                "source": harbours,
                "inference": {"tile_size": 320, "overlap": 32, "confidence": 0.001},
            },
        ),
        "fiftyone": user.writes(
            "fiftyone",
            model={**model, "version": "production"},
            parameters={"dataset_name": "end-to-end"},
        ),
        "evaluate": user.writes(
            "evaluate", model={**model, "version": "production"}, parameters={}
        ),
        "feedback": user.writes(
            "feedback",
            model={**model, "version": "production"},
            parameters={
                "data_source": "store",
                "dataset_name": "end-to-end",
                "feedback": {"budget": 6, "confidence": 0.001, "near_duplicate": 0},
                "label_studio": {"project": PROJECT},
            },
        ),
    }


@pytest.fixture(scope="module")
def shown(user: User, configurations: dict[str, str]) -> dict[str, str]:
    """Output of the five flags, one after the other."""
    ingested = user.runs("--ingest", "--config", configurations["ingest"])
    exported = user.runs("-e", "--promote", "staging", "--config", configurations["export"])
    trained = user.runs(
        "-t", "-l", "--promote", "production", "--config", configurations["training"]
    )
    predicted = user.runs("-i", "--config", configurations["inference"])
    looked = user.runs("-f", "--config", configurations["fiftyone"])
    return {
        "ingested": ingested,
        "exported": exported,
        "trained": trained,
        "predicted": predicted,
        "looked": looked,
    }


@pytest.mark.usefixtures("shown")
def test_the_tiles_that_teach_most_go_back_to_people_and_nothing_twice(user, configurations):
    import fiftyone as fo

    tasks = user.tasks(PROJECT)
    wanted = fo.load_dataset("end-to-end").limit(1)
    wanted.tag_samples("relabel")

    picked = user.calls("-fb", "--config", configurations["feedback"])
    again = user.calls("-fb", "--config", configurations["feedback"])

    assert "6 tiles picked: " in picked
    assert "tagged 1" in picked
    assert "0 new tasks, 6 with new proposals, 0 unchanged" in picked
    assert "tagged" not in again
    assert user.tasks(PROJECT) == tasks
    assert fo.load_dataset("end-to-end").match_tags("sent").values("id") == wanted.values("id")
    assert "24 tiles" in user.calls("-e", "--config", configurations["export"])


def scores_in(shown: str) -> tuple[str, ...]:
    """mAP50 and mAP50-95 as a command has told them."""
    [told] = re.findall(r"on unseen scenes: mAP50 (0\.\d{3}), mAP50-95 (0\.\d{3})$", shown, re.M)
    return told


def test_the_loop_runs_from_scenes_to_samples(shown):
    assert "is now in staging" in shown["exported"]
    assert scores_in(shown["trained"])
    assert "is now in production" in shown["trained"]
    assert "objects found in 4 scenes" in shown["predicted"]
    assert "viewer:" in shown["predicted"]
    assert "24 samples added" in shown["looked"]


@pytest.mark.usefixtures("shown")
def test_nothing_leaves_this_machine_and_nobody_is_given_a_lasting_id(home, wire):
    assert wire.attempts == []
    assert not (home / ".cache" / "Microsoft").exists()
    assert not (home / ".fiftyone").exists()


def test_the_detector_is_judged_again_on_the_scenes_its_training_kept(user, configurations, shown):
    judged = user.calls("--evaluate", "--config", configurations["evaluate"])
    assert scores_in(judged) == scores_in(shown["trained"])
    newest = Client().list_artifact_versions(
        artifact="evaluation", sort_by="desc:created", size=2, hydrate=True
    )
    again, after_training = [version.load() for version in newest.items]
    assert again.tiles == after_training.tiles == 6  # of one scene in four
    assert again.metrics == after_training.metrics


@pytest.mark.usefixtures("shown")
def test_a_second_round_adds_nothing(user, configurations):
    tasks = user.tasks(PROJECT)

    ingested = user.calls("--ingest", "--config", configurations["ingest"])
    looked = user.calls("-f", "--config", configurations["fiftyone"])

    assert "4 scenes (4 unchanged), 24 tiles" in ingested
    assert "0 new tasks, 24 already there" in ingested
    assert "24 tasks wait for a review" in ingested
    assert user.tasks(PROJECT) == tasks
    assert "0 samples added, 0 updated, 24 unchanged" in looked


@pytest.mark.usefixtures("shown")
@pytest.mark.parametrize("shards", [2, 7])
def test_the_number_of_shards_changes_nothing(user, configurations, shards):
    def newest(artifact: str) -> str:
        found = Client().list_artifact_versions(
            artifact=artifact, sort_by="desc:created", size=1, hydrate=True
        )
        return found.items[0].content_hash

    tiles = newest("tile_manifest")
    predictions = newest("predictions")

    ingested = user.calls("-ig", "--config", configurations["ingest"], "--set", f"shards={shards}")
    predicted = user.calls(
        "-i", "--config", configurations["inference"], "--set", f"shards={shards}"
    )

    assert predicted.count("the network ran in") == 1
    assert "4 scenes (4 unchanged), 24 tiles" in ingested
    assert newest("tile_manifest") == tiles
    assert newest("predictions") == predictions


@pytest.mark.usefixtures("shown")
def test_a_second_ingest_into_a_project_keeps_the_tiles_of_the_first(user, configurations):
    more = user.writes(
        "more",
        parameters={
            "source": {"kind": "synthetic", "scenes": 1, "first_scene": 9, "width": 320}
            | {"height": 320, "ships": 3},
            "data_source": "store",
            "tiling": {"tile_size": 320, "overlap": 32},
            "label_studio": {"project": PROJECT},
        },
    )

    ingested = user.calls("-ig", "--config", more)
    exported = user.calls("-e", "--config", configurations["export"])

    assert "1 new tasks, 0 already there" in ingested
    assert "25 tiles: 0 reviewed, 25 with their ground truth" in exported
