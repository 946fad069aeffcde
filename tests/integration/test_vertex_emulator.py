"""The emulated Vertex AI, seen by Google's client; ZenML runs on it in `test_vertex_zenml.py`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import google.auth
import grpc
import pytest
from google.api_core.exceptions import GoogleAPICallError, NotFound, ResourceExhausted
from google.auth.exceptions import RefreshError
from google.auth.transport.requests import Request
from google.cloud import aiplatform
from google.cloud.aiplatform_v1 import (
    JobServiceClient,
    PipelineJob,
    PipelineServiceClient,
    PipelineState,
)
from google.rpc import code_pb2
from kfp import compiler, dsl

from tests.emulators.vertex_jobs import RanJob
from tests.fixtures.google_cloud import GoogleCloud

REGION = "europe-west4"
OPTIONS = {"api_endpoint": f"{REGION}-aiplatform.googleapis.com"}
Submit = Callable[..., RanJob]


@pytest.fixture
def cloud(google_project: GoogleCloud, monkeypatch: pytest.MonkeyPatch) -> GoogleCloud:
    """A project that this process can reach."""
    for name, value in google_project.environment.items():
        monkeypatch.setenv(name, value)
    return google_project


@pytest.fixture
def parent(cloud: GoogleCloud) -> str:
    return f"projects/{cloud.project}/locations/{REGION}"


@pytest.fixture
def submit(cloud: GoogleCloud, parent: str) -> Submit:
    """Starts a custom job that runs Python code."""

    def start(code: str, scheduling: dict[str, Any] | None = None, **container: Any) -> RanJob:
        command = {"image_uri": "image", "command": ["python", "-c", code], **container}
        machine = {"machine_type": "g2-standard-8", "accelerator_type": "NVIDIA_L4"}
        pool = {
            "machine_spec": {**machine, "accelerator_count": 2},
            "disk_spec": {"boot_disk_size_gb": 200},
            "container_spec": command,
        }
        job = {
            "display_name": "job",
            "labels": {"team": "eo"},
            "job_spec": {"worker_pool_specs": [pool], "scheduling": scheduling or {}},
        }
        JobServiceClient(client_options=OPTIONS).create_custom_job(parent=parent, custom_job=job)
        return cloud.vertex.jobs[-1]

    return start


def finished(job: RanJob) -> RanJob:
    assert job.wait(20), job.log.read_text()
    return job


def test_the_machine_arrives_as_it_was_asked_for(submit):
    job = submit("", {"strategy": "SPOT", "timeout": {"seconds": 7200}})
    assert job.machine_type == "g2-standard-8"
    assert job.accelerator == ("NVIDIA_L4", 2)
    assert (job.disk_gb, job.is_spot, job.timeout_s) == (200, True, 7200)
    assert job.labels == {"team": "eo"}
    assert finished(job).state == "SUCCEEDED"


def test_a_job_finds_its_own_environment_in_an_empty_folder(submit, monkeypatch):
    monkeypatch.setenv("LEFT_ON_THE_LAPTOP", "1")
    code = (
        "import json, os; os.makedirs('/app', exist_ok=True); os.chdir('/app');"
        "print(json.dumps([os.listdir(), os.listdir(os.environ['HOME']), dict(os.environ)]))"
    )
    job = finished(submit(code, env=[{"name": "EPOCHS", "value": "3"}]))
    app, home, environment = json.loads(job.log.read_text())
    assert (app, home) == ([], [])
    assert environment["EPOCHS"] == "3"
    assert environment["CLOUD_ML_JOB_ID"] == job.resource.name.rpartition("/")[2]
    assert "LEFT_ON_THE_LAPTOP" not in environment


def test_a_job_has_the_identity_of_its_machine(submit, cloud):
    code = "import google.auth; print(google.auth.default()[1])"
    job = finished(submit(code))
    assert "GOOGLE_APPLICATION_CREDENTIALS" not in job.environment
    assert job.log.read_text().split() == [cloud.project]


@pytest.mark.parametrize(
    ("container", "status"),
    [
        pytest.param({"command": ["python", "-c", "raise SystemExit(3)"]}, 3, id="exit code"),
        pytest.param({"command": ["no-such-program"]}, 127, id="no such program"),
    ],
)
def test_a_failed_job_tells_its_exit_code(submit, parent, container, status):
    job = finished(submit("", **container))
    resource = JobServiceClient(client_options=OPTIONS).get_custom_job(name=job.resource.name)
    assert resource.state.name == "JOB_STATE_FAILED"
    assert f"non-zero status of {status}" in resource.error.message


def test_a_cancelled_job_ends_with_its_children(submit, tmp_path):
    code = (
        "import pathlib, subprocess, sys, time;"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']);"
        f"pathlib.Path({str(tmp_path / 'pid')!r}).write_text(str(child.pid)); time.sleep(60)"
    )
    job = submit(code)
    wait_for(tmp_path / "pid", job)
    JobServiceClient(client_options=OPTIONS).cancel_custom_job(name=job.resource.name)
    assert finished(job).state == "CANCELLED"
    child = int((tmp_path / "pid").read_text())
    while runs(child):
        pass  # it was sent its end, and the kernel is about to obey


def test_a_job_ends_at_its_timeout(submit):
    job = finished(submit("import time; time.sleep(60)", {"timeout": {"seconds": 1}}))
    assert job.state == "CANCELLED"
    assert "exceeded its timeout of 1s" in job.error


def test_a_preempted_spot_job_begins_again_in_an_empty_folder(submit, cloud, tmp_path):
    code = (
        "import os, pathlib, time; print(os.listdir(), flush=True); pathlib.Path('kept').touch();"
        f"first = pathlib.Path({str(tmp_path / 'first')!r}); again = first.exists();"
        "first.touch(); again or time.sleep(60)"
    )
    cloud.vertex.preempt_when("job", lambda _: (tmp_path / "first").exists())
    job = finished(submit(code, {"strategy": "SPOT"}))
    assert (job.state, job.attempts) == ("SUCCEEDED", 2)
    assert job.log.read_text().split() == ["[]", "[]"]


def test_a_spot_job_that_is_preempted_again_and_again_is_given_up(submit, cloud):
    for _ in range(7):
        cloud.vertex.preempt_when("job", lambda _: True)
    job = finished(submit("import time; time.sleep(60)", {"strategy": "SPOT"}))
    assert (job.state, job.attempts) == ("FAILED", 7)
    assert "STOCKOUT" in job.error


def test_a_standard_job_keeps_its_machine(submit, cloud):
    cloud.vertex.preempt_when("job", lambda _: True)
    assert finished(submit("import time; time.sleep(0.2)")).attempts == 1


def test_a_submission_is_refused_once(submit, cloud):
    cloud.vertex.refuse_next(grpc.StatusCode.RESOURCE_EXHAUSTED, "no more GPUs")
    with pytest.raises(ResourceExhausted, match="no more GPUs"):
        submit("")
    assert finished(submit("")).state == "SUCCEEDED"


def test_an_unknown_job_is_not_found(parent):
    with pytest.raises(NotFound):
        JobServiceClient(client_options=OPTIONS).get_custom_job(name=f"{parent}/customJobs/1")


def test_expired_credentials_are_refused_everywhere(submit, cloud):
    credentials, _ = google.auth.default()
    cloud.tokens.expire()
    with pytest.raises(RefreshError, match="invalid_grant"):
        credentials.refresh(Request())
    with pytest.raises(GoogleAPICallError, match="invalid_grant"):
        submit("")
    service_account, _ = google.auth.load_credentials_from_file(str(cloud.service_account))
    client = JobServiceClient(client_options=OPTIONS, credentials=service_account)
    with pytest.raises(GoogleAPICallError, match="invalid authentication credentials"):
        client.list_custom_jobs(parent=f"projects/{cloud.project}/locations/{REGION}")


def test_a_service_account_is_let_in(cloud, parent):
    credentials, project = google.auth.load_credentials_from_file(str(cloud.service_account))
    client = JobServiceClient(client_options=OPTIONS, credentials=credentials)
    assert list(client.list_custom_jobs(parent=parent)) == []
    assert project == cloud.project


def test_a_host_that_nothing_stands_for_is_out_of_reach(cloud):
    session = google.auth.transport.requests.AuthorizedSession(google.auth.default()[0])
    with pytest.raises(OSError, match="502"):
        session.get("https://bigquery.googleapis.com/")
    assert "bigquery.googleapis.com:443" in cloud.proxy.asked


class Pipelines:
    """Submits pipelines whose tasks run Python code."""

    def __init__(self, cloud: GoogleCloud, folder: Path) -> None:
        self._cloud = cloud
        self._package = str(folder / "pipeline.json")

    def run(self, first: str, second: str, *, retries: int = 0) -> PipelineJob:
        """Run two tasks, one after the other, and wait for the end."""

        # Without annotations: kfp reads them, and takes `from __future__`'s text for artifacts.
        @dsl.container_component
        def before():
            return dsl.ContainerSpec(image="image", command=["python", "-c", first])

        @dsl.container_component
        def after():
            return dsl.ContainerSpec(image="image", command=["python", "-c", second])

        @dsl.pipeline(name="two-tasks")
        def two_tasks():
            task = before().set_env_variable("RUN", dsl.PIPELINE_JOB_NAME_PLACEHOLDER)
            after().after(task.set_retry(retries))

        compiler.Compiler().compile(two_tasks, self._package)
        root = f"{self._cloud.bucket}/root"
        job = aiplatform.PipelineJob(
            "two",
            self._package,
            pipeline_root=root,
            job_id="two-1",
            project=self._cloud.project,
            location=REGION,
        )
        job.submit()
        self._cloud.vertex.pipelines[-1].wait(30)
        return PipelineServiceClient(client_options=OPTIONS).get_pipeline_job(
            name=job.resource_name
        )


@pytest.fixture
def pipelines(cloud: GoogleCloud, tmp_path: Path) -> Pipelines:
    return Pipelines(cloud, tmp_path)


def test_the_tasks_of_a_pipeline_run_in_their_order(pipelines, cloud, tmp_path):
    path = str(tmp_path / "order")
    job = pipelines.run(
        f"import os; print(os.environ['RUN'], file=open({path!r}, 'a'))",
        f"print('second', file=open({path!r}, 'a'))",
    )
    assert job.state == PipelineState.PIPELINE_STATE_SUCCEEDED
    assert (tmp_path / "order").read_text().split() == ["two-1", "second"]


def test_a_failed_task_fails_its_pipeline_and_stops_what_depends_on_it(pipelines, cloud):
    job = pipelines.run("raise SystemExit(1)", "")
    assert job.state == PipelineState.PIPELINE_STATE_FAILED
    assert "The failed tasks are: [before]" in job.error.message
    assert [ran.name for ran in cloud.vertex.jobs] == ["before"]


def test_a_task_is_retried_as_often_as_it_asks_for(pipelines, cloud, tmp_path):
    path = str(tmp_path / "failed")
    once = f"import os; os.path.exists({path!r}) or exit(bool(open({path!r}, 'w')))"
    assert pipelines.run(once, "", retries=1).state == PipelineState.PIPELINE_STATE_SUCCEEDED
    assert [ran.state for ran in cloud.vertex.jobs] == ["FAILED", "SUCCEEDED", "SUCCEEDED"]


def test_a_task_without_quota_fails_its_pipeline(pipelines, cloud):
    cloud.vertex.fail_next("before", code_pb2.RESOURCE_EXHAUSTED, "no more GPUs")
    job = pipelines.run("", "")
    assert "code=RESOURCE_EXHAUSTED, message=no more GPUs" in job.error.message


def wait_for(path: Path, job: RanJob) -> None:
    """Wait until a job has written a file."""
    while not path.exists():
        assert not job.wait(0.02), job.log.read_text()


def runs(pid: int) -> bool:
    """Whether a process is there, and more than an entry that waits for its parent."""
    state = Path(f"/proc/{pid}/stat")
    try:
        return ") Z" not in state.read_text()
    except OSError:
        return False
