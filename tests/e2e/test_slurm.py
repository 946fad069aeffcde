"""The loop on a Slurm cluster without a ZenML server, from the command line."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from zenml.client import Client
from zenml.models import Page
from zenml.utils.source_utils import set_custom_source_root

import materializers  # noqa: F401  (tells ZenML how to load what is looked at)
from commands.config_files import CONFIGS
from slurm.store_server import stop_serving
from tests.conftest import PROJECT_ROOT
from tests.fixtures.slurm import Slurm
from tests.fixtures.user import User
from tests.slurm_pipelines import wait_for
from utils.paths import local_folder

pytestmark = pytest.mark.slow
HARBOURS = {"kind": "synthetic", "scenes": 7, "width": 640, "height": 480, "ships": 8}
MODEL = {"name": "slurm-detector"}
PROJECT = "on a cluster"


@dataclass(frozen=True)
class Member:
    """A user of the cluster.

    Attributes:
        user: On the login node.
        stacks: The files of the stacks, filled in: the cluster, and this machine on its artifacts.
    """

    user: User
    stacks: dict[str, str]

    def types(self, *arguments: str, stack: str = "slurm") -> str:
        return self.user.calls(*arguments, "--stack", self.stacks[stack])


@pytest.fixture
def member(user: User, slurm: Slurm, tmp_path: Path) -> Iterator[Member]:
    text = (CONFIGS / "stacks" / "slurm.yaml").read_text()
    for old, new in {
        "<SHARED_FOLDER>": str(tmp_path / "shared"),
        "<PARTITION>": "main",
        "      account: <ACCOUNT>\n": "",
        "# submit_host: <LOGIN_NODE>": "submit_host: 127.0.0.1",
    }.items():
        text = text.replace(old, new)
    here = yaml.safe_load(text)
    del here["components"]["step_operator"], here["defaults"]
    stacks = {"slurm": text, "here": yaml.safe_dump(here | {"name": "spyglass-login-node"})}
    files = {name: tmp_path / f"{name}.yaml" for name in stacks}
    for name, path in files.items():
        path.write_text(stacks[name])
    set_custom_source_root(str(PROJECT_ROOT))
    yield Member(user, {name: str(path) for name, path in files.items()})
    set_custom_source_root(None)
    stop_serving()


def own_file(member: Member, name: str, **changes: object) -> str:
    own = yaml.safe_load((CONFIGS / f"{name}.yaml").read_text())
    return member.user.writes(name, **own | changes)


def made(artifact: str) -> Page:
    """The versions of an artifact, the newest first."""
    return Client().list_artifact_versions(artifact=artifact, sort_by="desc:created")


def boxes() -> list[tuple]:
    return [
        (
            scene.scene_id,
            scene.shapes.labels,
            scene.shapes.xyxy.tolist(),
            scene.shapes.scores.tolist(),
        )
        for scene in made("predictions").items[0].load()
    ]


def preempt_training(slurm: Slurm, kept: list[str]) -> None:
    """Let a job of more weight have the node of the training once that has kept an epoch.

    Slurm queues the training again by itself.

    Args:
        slurm: The cluster.
        kept: Gets the folder of the training and what it had noted of its epochs.
    """
    found: list[Path] = []
    runs = local_folder("runs")
    before = set(runs.glob("*/kept/[0-9]*"))
    wait_for(lambda: found.extend(set(runs.glob("*/kept/[0-9]*")) - before) or found)
    kept += [str(found[0].parent.parent), (found[0] / "results.csv").read_text()]
    shown = slurm.runs("squeue", "--noheader", "--states=RUNNING", "--format=%A %j %N")
    job, name, node = shown.split()
    assert "train_detector" in name
    where = ("--partition=urgent", f"--nodelist={node}", "--exclusive", "--output=/dev/null")
    slurm.runs("sbatch", *where, "--wrap=true")
    slurm.hurry(job)


@pytest.mark.timeout(1800)  # a whole loop, on a machine that may be busy
def test_the_loop_on_a_cluster_gives_the_boxes_of_this_machine(member: Member, slurm: Slurm):
    wanted = {"predictions": 1, "trained_detector": 1, "shard_predictions": 2}
    of_other_tests = {name: made(name).total for name in wanted}
    ingest = member.user.writes(
        "ingest",
        parameters={
            "source": HARBOURS,
            "shards": 3,
            "data_source": "store",
            "tiling": {"tile_size": 320, "overlap": 32},
            "label_studio": {"project": PROJECT},
        },
    )
    shown = member.types("--ingest", "--config", ingest)
    assert "7 scenes (0 unchanged)" in shown
    export = member.user.writes(
        "export", model=MODEL, parameters={"label_studio": {"project": PROJECT}}
    )
    member.types("--export", "--promote", "staging", "--config", export)

    training = own_file(
        member,
        "training_pipeline_slurm",
        model={**MODEL, "version": "staging"},
        steps={},
        parameters={"training": {"model_checkpoint": "yolov8n.yaml", "epochs": 3, "imgsz": 64}},
    )
    kept: list[str] = []
    with ThreadPoolExecutor(1) as threads:
        preempted = threads.submit(preempt_training, slurm, kept)
        member.types("--training", "--promote", "production", "--config", training)
        preempted.result()
    run, first = kept
    epochs = next(Path(run).rglob("results.csv")).read_text()
    assert epochs.startswith(first)  # it went on after them
    assert [line.split(",")[0] for line in epochs.splitlines()[1:]] == ["1", "2", "3"]

    inference = member.user.writes(
        "inference",
        model={**MODEL, "version": "production"},
        parameters={
            "source": HARBOURS,
            "shards": 2,
            # Processes may find different backends the fastest: these differ in the last digits.
            "inference": {"tile_size": 320, "overlap": 32, "confidence": 0.001}
            | {"backend": "pytorch"},
        },
    )
    member.types("--inference", "--config", inference)
    on_cluster = boxes()
    assert {name: made(name).total - of_other_tests[name] for name in wanted} == wanted
    shutil.rmtree(local_folder("predictions"))  # or it would take what the jobs have found
    member.types("--inference", "--config", inference, stack="here")
    assert on_cluster == boxes()
