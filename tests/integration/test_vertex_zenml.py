"""ZenML on the emulated Google Cloud: what a pipeline asks for, and what its jobs live through."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.emulators.vertex_jobs import RanJob
from tests.fixtures.google_cloud import GoogleCloud

PIPELINES = Path(__file__).parent.parent / "emulators" / "example"
pytestmark = pytest.mark.slow
IMAGE = "europe-west4-docker.pkg.dev/project/repository/image:1"
GPU = {"machine_type": "g2-standard-8", "accelerator_type": "NVIDIA_L4", "accelerator_count": 1}
Run = Callable[..., str]


@pytest.fixture
def run(google_cloud: GoogleCloud, tmp_path: Path) -> Run:
    """Runs an example pipeline from a folder of its own; returns what it prints."""
    project = tmp_path / "project"
    project.mkdir()
    for file in PIPELINES.glob("*.py"):
        (project / file.name).write_bytes(file.read_bytes())

    def start(pipeline: str, **steps: Any) -> str:
        docker = {"parent_image": IMAGE, "skip_build": True}
        configuration = {"enable_cache": False, "settings": {"docker": docker}, "steps": steps}
        (project / "run.yaml").write_text(yaml.safe_dump(configuration))
        own = {"ZENML_CONFIG_PATH": str(tmp_path / "zenml"), "PYTHONWARNINGS": "ignore"}
        ran = subprocess.run(
            [sys.executable, "submit.py", pipeline, google_cloud.bucket, str(tmp_path)],
            cwd=project,
            env={**os.environ, **google_cloud.environment, **own},
            capture_output=True,
            text=True,
            check=False,
        )
        assert ran.returncode == 0, ran.stdout + ran.stderr + logs(google_cloud)
        return ran.stdout.splitlines()[-1]

    return start


def logs(cloud: GoogleCloud) -> str:
    return "\n".join(f"{job.name}: {job.log.read_text()}" for job in cloud.vertex.jobs)


def settings(**machine: Any) -> dict[str, Any]:
    return {"settings": {"orchestrator": {"custom_job_parameters": machine}}}


def test_a_static_pipeline_asks_for_its_machine_and_survives_a_preemption(
    run: Run, google_cloud: GoogleCloud, tmp_path: Path
) -> None:
    spot = {"strategy": "SPOT", "timeout": "7200s", "labels": {"step": "train"}}
    google_cloud.vertex.preempt_when("train", lambda _: (tmp_path / "started").exists())
    machine = settings(**GPU, boot_disk_size_gb=200, additional_training_job_args=spot)
    shown = run("static", train={**machine, "retry": {"max_retries": 6}})

    job = google_cloud.vertex.job("train")
    assert (job.machine_type, job.accelerator, job.disk_gb) == (
        "g2-standard-8",
        ("NVIDIA_L4", 1),
        200,
    )
    assert (job.is_spot, job.timeout_s, job.labels) == (True, 7200, {"step": "train"})
    assert (job.state, job.attempts) == ("SUCCEEDED", 2)
    assert shown == "completed: train 1 retried, train 2 completed, gathered []"


def test_a_dynamic_pipeline_repeats_the_one_shard_that_fails(
    run: Run, google_cloud: GoogleCloud
) -> None:
    machine = settings(**GPU)
    shown = run("dynamic", work={**machine, "runtime": "isolated", "retry": {"max_retries": 1}})

    orchestrating, *submitted = google_cloud.vertex.jobs
    shards = sorted(submitted, key=place)
    assert orchestrating.accelerator == ("", 0)
    assert {shard.accelerator for shard in shards} == {("NVIDIA_L4", 1)}
    assert [place(shard) for shard in shards] == [0, 1, 1]
    assert [shard.state for shard in shards] == ["SUCCEEDED", "FAILED", "SUCCEEDED"]
    assert shown == (
        "completed: gather 1 completed, map:work:0 1 completed, map:work:1 1 retried, "
        "map:work:1 2 completed, plan 1 completed, gathered [[10, 11]]"
    )


def place(shard: RanJob) -> int:
    """The shard that a job works on."""
    return int(shard.name.rpartition(":")[2])
