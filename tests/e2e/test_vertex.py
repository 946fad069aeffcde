"""The loop on Vertex AI, from the command line: every job is a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import grpc
import mlflow
import pytest
import yaml

from commands.config_files import CONFIGS
from tests.conftest import PROJECT_ROOT
from tests.emulators.vertex_jobs import RanJob
from tests.fixtures.google_cloud import GoogleCloud
from tests.fixtures.mlflow_server import PASSWORD, USER, Door
from tests.fixtures.user import User
from utils.annotation.label_studio.server import ServerConnection
from utils.storage.store import open_store

pytestmark = pytest.mark.slow

REGION = "europe-west4"
EPOCHS = 3
HARBOURS = {"kind": "synthetic", "scenes": 4, "width": 640, "height": 480, "ships": 8}
MODEL = {"name": "remote-detector"}
SHOW_PREDICTIONS = """
import materializers
from zenml.client import Client
newest = Client().list_artifact_versions(artifact="predictions", sort_by="desc:created", size=1)
for scene in newest.items[0].load():
    boxes = scene.shapes
    print(scene.scene_id, boxes.labels, boxes.xyxy.round(2).tolist(), boxes.scores.round(4))
"""


@dataclass(frozen=True)
class Team:
    """A user with a Google Cloud project.

    Attributes:
        user: At a laptop with credentials for the project.
        cloud: The project.
        stacks: The files of the project's stacks, filled in.
        secrets: Values that no one may see.
    """

    user: User
    cloud: GoogleCloud
    stacks: Mapping[str, str]
    secrets: tuple[str, ...]

    def runs(self, *arguments: str, stack: str = "vertex", exit_code: int = 0) -> str:
        """Output of `run.py` on a stack; no secret may be in it."""
        shown = self.user.runs(*arguments, "--stack", self.stacks[stack], exit_code=exit_code)
        assert not [secret for secret in self.secrets if secret in shown]
        assert "ZENML_STORE_API_TOKEN" not in shown
        return shown

    def jobs(self, name: str) -> list[RanJob]:
        """The jobs of a step, in the order they were submitted."""
        return [job for job in self.cloud.vertex.jobs if name in job.name]


@pytest.fixture
def team(
    tmp_path: Path, google_cloud: GoogleCloud, label_studio: ServerConnection, mlflow_door: Door
) -> Team:
    environment = {
        **google_cloud.environment,
        "LABEL_STUDIO_API_KEY": label_studio.api_key,
        "MLFLOW_TRACKING_USERNAME": USER,
        "MLFLOW_TRACKING_PASSWORD": PASSWORD,
    }
    values = {
        "<BUCKET>": google_cloud.bucket.removeprefix("gs://"),
        "<PROJECT_ID>": google_cloud.project,
        "<REGION>": REGION,
        "<REPOSITORY>": "spyglass",
        "<IMAGE>": f"{REGION}-docker.pkg.dev/{google_cloud.project}/spyglass/spyglass:1",
        "<SERVICE_ACCOUNT>": f"jobs@{google_cloud.project}.iam.gserviceaccount.com",
        "<LABEL_STUDIO_URL>": label_studio.url,
        "<MLFLOW_URL>": mlflow_door.url,
        "name: spyglass": f"name: {google_cloud.bucket.removeprefix('gs://')}",
    }
    stacks = {
        name: written_stack(tmp_path, name, values) for name in ("vertex", "vertex_steps", "laptop")
    }
    secrets = (PASSWORD, label_studio.api_key)
    return Team(User(tmp_path, environment), google_cloud, stacks, secrets)


def written_stack(folder: Path, name: str, values: dict[str, str]) -> str:
    """One of the project's own stack files, filled in; the parts have names of this test's own."""
    text = (CONFIGS / "stacks" / f"{name}.yaml").read_text()
    for placeholder, value in values.items():
        text = text.replace(placeholder, value)
    path = folder / f"{name}.yaml"
    path.write_text(text)
    return str(path)


def ingest_of(team: Team, project: str, data_source: str | None = None) -> str:
    return team.user.writes(
        "ingest",
        parameters={
            "source": HARBOURS,
            "shards": 2,
            "data_source": data_source or f"{team.cloud.bucket}/store",
            "tiling": {"tile_size": 320, "overlap": 32},
            "label_studio": {"project": project},
        },
    )


def training_of(team: Team) -> str:
    """The project's own file for training on GPUs, with less to do."""
    own = yaml.safe_load((CONFIGS / "training_pipeline_remote_gpu.yaml").read_text())
    pinned = {
        "train": ["scene-000", "scene-001"],
        "val": ["scene-002"],
        "test": ["scene-003"],
    }
    parameters = {
        "fractions": {"pinned": pinned},
        "training": {"model_checkpoint": "yolov8n.yaml", "epochs": EPOCHS, "imgsz": 64},
    }
    return team.user.writes(
        "training", **own | {"model": {**MODEL, "version": "staging"}, "parameters": parameters}
    )


def inference_of(team: Team) -> str:
    return team.user.writes(
        "inference",
        model={**MODEL, "version": "production"},
        parameters={
            "source": HARBOURS,
            "shards": 2,
            # Machines may find different backends the fastest, and these differ in the last digits.
            "inference": {"tile_size": 320, "overlap": 32, "confidence": 0.001}
            | {"backend": "pytorch"},
        },
    )


def predictions(team: Team) -> list[str]:
    """The scenes of the newest predictions in the team's ZenML, and what was found in each."""
    script = team.user.folder / "show_predictions.py"
    script.write_text(SHOW_PREDICTIONS)
    shown = subprocess.run(
        [sys.executable, script],
        env={**os.environ, **team.user.environment, "PYTHONPATH": str(PROJECT_ROOT)},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return [line for line in shown.stdout.splitlines() if line.startswith("harbour/")]


def forget_predictions(team: Team) -> None:
    """Remove what inferences keep in the bucket for later ones."""
    kept = open_store(f"{team.cloud.bucket}/zenml/predictions")
    found = list(kept.list())
    assert found
    for stored in found:
        kept.delete(stored.key)


def states(jobs: list[RanJob]) -> list[str]:
    return [job.state for job in jobs]


def has_state_of_training(team: Team) -> bool:
    """Whether the bucket has what is needed to resume."""
    store = open_store(f"{team.cloud.bucket}/zenml/training")
    with TemporaryDirectory() as folder:
        states = [
            store.get(stored.key, Path(folder, "state.json")).read_text()
            for stored in store.list()
            if stored.key.endswith("state.json")
        ]
    return any("resume.pt" in state for state in states)


def epochs_in_mlflow(run_ids: set[str], client: mlflow.MlflowClient) -> list[int]:
    """The epochs of the only run that is new, each as often as it was recorded."""
    (new,) = runs_in_mlflow(client) - run_ids
    return [metric.step for metric in client.get_metric_history(new, "metrics/mAP50")]


def runs_in_mlflow(client: mlflow.MlflowClient) -> set[str]:
    experiment = client.get_experiment_by_name(MODEL["name"])
    runs = client.search_runs([experiment.experiment_id]) if experiment else []
    return {run.info.run_id for run in runs}


@pytest.mark.timeout(1800)  # a whole loop, on a machine that may be busy
def test_the_loop_runs_on_vertex(team: Team, mlflow_door: Door, monkeypatch) -> None:
    for name in ("MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD"):
        monkeypatch.setenv(name, team.user.environment[name])
    tracking = mlflow.MlflowClient(mlflow_door.url)
    earlier = runs_in_mlflow(tracking)

    # The part of a shard's last scene is refused twice: that shard alone is tried again.
    team.cloud.storage.faults.fail_next(403, 2, matching=r"GET .*parts%2F.*scene-003")
    ingested = team.runs("--ingest", "--config", ingest_of(team, "vertex"))
    assert "4 scenes (1 unchanged), 24 tiles" in ingested  # of the share that was tried again
    assert "24 new tasks, 0 already there" in ingested
    assert [job.state for job in team.jobs("map:tile_scenes:0")] == ["SUCCEEDED"]
    assert [job.state for job in team.jobs("map:tile_scenes:1")] == [
        "FAILED",
        "FAILED",
        "SUCCEEDED",
    ]
    assert {job.machine_type for job in team.jobs("map:tile_scenes")} == {"n2-standard-8"}

    export = team.user.writes(
        "export", model=MODEL, parameters={"label_studio": {"project": "vertex"}}
    )
    exported = team.runs("--export", "--promote", "staging", "--config", export)
    assert "24 tiles: 0 reviewed, 24 with their ground truth" in exported

    # The machine is taken away when the bucket has the state of the first epoch.
    team.cloud.vertex.preempt_when("train-detector", lambda _: has_state_of_training(team))
    trained = team.runs("--training", "--promote", "production", "--config", training_of(team))
    assert "is now in production" in trained
    (training,) = team.jobs("train-detector")
    assert training.attempts == 2
    assert training.machine_type == "g2-standard-8"
    assert training.accelerator == ("NVIDIA_L4", 1)
    assert training.disk_gb == 200
    assert training.is_spot
    assert training.timeout_s == 86400
    assert training.labels["project"] == "spyglass"
    assert epochs_in_mlflow(earlier, tracking) == list(range(1, EPOCHS + 1))

    inference = inference_of(team)
    predicted = team.runs("--inference", "--config", inference)
    on_vertex = predictions(team)
    assert "objects found in 4 scenes" in predicted
    assert {job.accelerator for job in team.jobs("map:predict_scenes")} == {("NVIDIA_L4", 1)}
    assert len(on_vertex) == 4
    assert any("'ship'" in scene for scene in on_vertex)
    forget_predictions(team)  # or the laptop would take what the jobs have found
    team.runs("--inference", "--config", inference, stack="laptop")
    assert predictions(team) == on_vertex


def test_credentials_that_have_expired_are_told_before_anything_is_begun(team: Team) -> None:
    team.cloud.tokens.expire()
    shown = team.runs("--ingest", "--config", ingest_of(team, "expired"), exit_code=1)
    assert "have expired or were revoked" in shown
    assert "gcloud auth application-default login" in shown
    assert team.cloud.vertex.jobs == []


def test_a_bucket_that_is_not_there_is_told_with_the_command_that_makes_it(team: Team) -> None:
    gone = f"{team.cloud.bucket}-gone"
    Path(team.stacks["vertex"]).write_text(
        Path(team.stacks["vertex"]).read_text().replace(team.cloud.bucket, gone)
    )
    shown = team.runs("--ingest", "--config", ingest_of(team, "gone"), exit_code=1)
    assert f"The bucket {gone} does not exist" in shown
    assert f"gcloud storage buckets create {gone}" in shown


def test_a_job_for_which_there_is_no_quota_is_told_in_one_sentence(team: Team) -> None:
    reason = "The following quotas are exceeded: custom_model_training_cpus"
    team.cloud.vertex.refuse_next(grpc.StatusCode.RESOURCE_EXHAUSTED, reason)
    shown = team.runs("--ingest", "--config", ingest_of(team, "quota"), exit_code=1)
    assert f"Google Cloud has no quota left for this job: {reason}" in shown
    assert shown.count(reason) == 1


@pytest.mark.parametrize(
    ("change", "key"),
    [
        pytest.param("source.kind=folder source.path=/data", "source.path", id="scenes"),
        pytest.param("data_source=store", "data_source", id="store"),
    ],
)
def test_what_only_this_machine_has_is_refused(team: Team, change: str, key: str) -> None:
    changes = [part for assignment in change.split() for part in ("--set", assignment)]
    ingest = ingest_of(team, "here")
    shown = team.runs("--ingest", "--config", ingest, *changes, exit_code=2)
    assert f"parameters.{key}: " in shown
    assert "gs://" in shown
