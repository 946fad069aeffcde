"""The whole loop, run as a user runs it: real Label Studio, ZenML, MLflow, MongoDB and FiftyOne."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import yaml

from tests.conftest import PROJECT_ROOT
from utils.annotation.connection import ask, connect
from utils.annotation.server import ServerConnection
from utils.curation.app import stop_app

PROJECT = "end to end"


@dataclass
class User:
    """Someone at a terminal, with configurations of their own.

    Attributes:
        folder: Holds the configurations and the store.
        environment: Variables on top of the session's.
    """

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)

    def runs(self, *arguments: str, exit_code: int = 0) -> str:
        """What `python run.py ...` prints; fails when it ends with another exit code."""
        finished = subprocess.run(
            [sys.executable, PROJECT_ROOT / "run.py", *arguments],
            cwd=self.folder,
            env={**os.environ, **self.environment},
            capture_output=True,
            text=True,
            check=False,
        )
        shown = finished.stdout + finished.stderr
        assert finished.returncode == exit_code, shown
        assert "Traceback" not in shown
        return shown

    def writes(self, name: str, **content: object) -> str:
        """A configuration file in the user's folder."""
        path = self.folder / f"{name}.yaml"
        path.write_text(yaml.safe_dump({"stack": "local", "enable_cache": False, **content}))
        return str(path)


@pytest.fixture(scope="module")
def user(
    tmp_path_factory: pytest.TempPathFactory, label_studio: ServerConnection, mongodb: str
) -> Iterator[User]:
    server = {"LABEL_STUDIO_URL": label_studio.url, "LABEL_STUDIO_API_KEY": label_studio.api_key}
    yield User(tmp_path_factory.mktemp("user"), server)
    stop_app()


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
    }


def tasks_of(user: User) -> list[str]:
    """The tile id of every task in the user's project."""
    server = connect(user.environment["LABEL_STUDIO_URL"], user.environment["LABEL_STUDIO_API_KEY"])
    projects = ask(server, "GET", "api/projects/", params={"title": PROJECT})["results"]
    parameters = {"project": projects[0]["id"], "fields": "all", "page_size": 1000}
    tasks = ask(server, "GET", "api/tasks/", params=parameters)["tasks"]
    return sorted(task["data"]["tile_id"] for task in tasks)


def test_what_is_missing_is_told_before_any_work(user, configurations):
    shown = user.runs("--training", "--config", configurations["training"], exit_code=1)

    assert "No version of model 'ship-detector' is in stage 'staging'" in shown
    assert "python run.py --promote staging" in shown


def test_the_loop_runs_from_scenes_to_samples(user, configurations):
    user.runs("--ingest", "--config", configurations["ingest"])
    exported = user.runs("-e", "--promote", "staging", "--config", configurations["export"])
    trained = user.runs(
        "-t", "-l", "--promote", "production", "--config", configurations["training"]
    )
    predicted = user.runs("-i", "--config", configurations["inference"])
    looked = user.runs("-f", "--config", configurations["fiftyone"])

    assert "is now in staging" in exported
    assert "on unseen scenes: mAP50" in trained
    assert "is now in production" in trained
    assert "objects found in 4 scenes" in predicted
    assert "24 samples added" in looked


def test_a_second_round_adds_nothing(user, configurations):
    tasks = tasks_of(user)

    ingested = user.runs("--ingest", "--config", configurations["ingest"])
    looked = user.runs("-f", "--config", configurations["fiftyone"])

    assert "4 scenes (4 unchanged), 24 tiles" in ingested
    assert "0 new tasks, 24 already there" in ingested
    assert tasks_of(user) == tasks
    assert "0 samples added, 0 updated, 24 unchanged" in looked
