"""A laptop that sends its training and its shards to Vertex AI, and runs all else by itself."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
import yaml
from google.rpc import code_pb2

from commands.config_files import CONFIGS
from tests.e2e.test_vertex import Team, ingest_of, training_of
from tests.e2e.test_vertex import team as team
from tests.emulators.vertex_jobs import RanJob
from utils.annotation.label_studio.server import ServerConnection

pytestmark = pytest.mark.slow


@pytest.fixture
def laptop(team: Team, label_studio: ServerConnection) -> Team:
    """The team, with a Label Studio that only this machine can reach."""
    team.user.environment["LABEL_STUDIO_URL"] = label_studio.url
    return team


def names(team: Team) -> tuple[dict[str, str], dict[str, str]]:
    """The model and the project in Label Studio of one test: the bucket's name, as both are new."""
    name = team.cloud.bucket.removeprefix("gs://")
    return {"name": name}, {"project": name}


def short_training(team: Team) -> str:
    """The project's own file for this stack, with less to do."""
    own = yaml.safe_load((CONFIGS / "training_pipeline_vertex_steps.yaml").read_text())
    less = yaml.safe_load(Path(training_of(team)).read_text())["parameters"]
    return team.user.writes("training", **own | {"model": names(team)[0], "parameters": less})


def labelled(team: Team, stack: str = "vertex_steps", data_source: str | None = None) -> str:
    """Ingest and export; returns what the ingest printed."""
    model, project = names(team)
    ingest = ingest_of(team, project["project"], data_source)
    shown = team.runs("--ingest", "--config", ingest, stack=stack)
    export = team.user.writes("export", model=model, parameters={"label_studio": project})
    team.runs("--export", "--config", export, stack=stack)
    return shown


def has_begun(job: RanJob) -> bool:
    return job.log.is_file() and job.log.stat().st_size > 0


@pytest.mark.timeout(1200)
def test_only_training_and_shards_are_jobs_and_ctrl_c_cancels_them(laptop: Team) -> None:
    ingested = labelled(laptop)
    assert "4 scenes (0 unchanged), 24 tiles" in ingested
    assert [job.state for job in laptop.jobs("tile_scenes")] == ["SUCCEEDED"] * 2
    assert {job.machine_type for job in laptop.jobs("tile_scenes")} == {"n2-standard-8"}

    command = ("--training", "--config", short_training(laptop))
    process = laptop.user.starts(*command, "--stack", laptop.stacks["vertex_steps"])
    # ZenML knows the name of the job long before the job can write a line.
    while not any(has_begun(job) for job in laptop.jobs("train_detector")):
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    shown, _ = process.communicate()
    (cancelled,) = laptop.jobs("train_detector")
    assert cancelled.wait(60)
    assert cancelled.state == "CANCELLED", shown
    assert process.returncode == 130
    assert "Cancelled: " in shown

    laptop.cloud.vertex.fail_next("train_detector", code_pb2.Code.INTERNAL, "its machine broke")
    assert "on unseen scenes: mAP50" in laptop.runs(*command, stack="vertex_steps")
    _, failed, trained = laptop.jobs("train_detector")
    assert (failed.state, trained.state) == ("FAILED", "SUCCEEDED")
    assert trained.machine_type == "g2-standard-8"
    assert trained.accelerator == ("NVIDIA_L4", 1)
    assert not trained.is_spot
    assert [job.state for job in laptop.jobs("evaluate_detector")] == ["SUCCEEDED"]
    sent = ("tile_scenes", "train_detector", "evaluate_detector")
    assert all(any(name in job.name for name in sent) for job in laptop.cloud.vertex.jobs)


def test_tiles_on_the_laptop_are_told_before_a_job_is_paid_for(laptop: Team) -> None:
    store = str(laptop.user.folder / "store")
    ingest = ingest_of(laptop, "here", data_source=store)
    shown = laptop.runs("--ingest", "--config", ingest, stack="vertex_steps", exit_code=2)
    assert "parameters.data_source: " in shown

    labelled(laptop, "laptop", store)
    training = short_training(laptop)
    shown = laptop.runs("--training", "--config", training, stack="vertex_steps", exit_code=2)
    assert "The tiles of the labels" in shown
    assert laptop.cloud.vertex.jobs == []
