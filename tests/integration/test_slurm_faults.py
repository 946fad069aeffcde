"""Steps as jobs of a real Slurm, whatever happens to it meanwhile."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from zenml.client import Client
from zenml.enums import ExecutionStatus
from zenml.exceptions import StepExecutionException
from zenml.models import StepRunResponse

from slurm.settings import SlurmSettings
from slurm.submission import PreparedJob, remove_job, submit_jobs
from tests import slurm_pipelines as pipelines
from tests.conftest import PROJECT_ROOT
from tests.fixtures.slurm import NODES, Slurm
from tests.slurm_pipelines import wait_for
from tests.slurm_runs import attempts, begun, job_folders, last_run
from utils import interrupts
from utils.errors import JobError
from utils.interrupts import interruptible
from utils.slurm.commands import cancel, own_jobs, submit
from utils.slurm.options import JobOptions
from utils.slurm.probe import run_probe
from utils.slurm.script import JobFiles

pytestmark = pytest.mark.usefixtures("on_slurm")
# In a process of its own: a signal in the middle of a library of another test may crash this one.
INTERRUPTED = """
import sys
from zenml.utils.source_utils import set_custom_source_root
from tests import slurm_pipelines
from utils.interrupts import interruptible

set_custom_source_root(".")
with interruptible():
    slurm_pipelines.retried(["waits-1", "waits-2"], sys.argv[1])
"""


@contextmanager
def ctrl_c_pressed() -> Iterator[None]:
    """Within the block those who ask hear that Ctrl-C was pressed; then it is forgotten.

    Without a signal, at which a library that another test has loaded may end this process.
    """
    with pytest.raises(KeyboardInterrupt):
        interrupts._interrupt(signal.SIGINT, None)
    try:
        yield
    finally:
        with interruptible():
            pass


def runs_while(pipeline: Callable[..., object], meddle: Callable[[], object], *given: object):
    """Run a pipeline while another thread meddles; its jobs are cancelled where that fails."""

    def meddle_or_cancel() -> None:
        try:
            meddle()
        except BaseException:
            cancel(own_jobs())
            raise

    with ThreadPoolExecutor(1) as threads:
        meddling = threads.submit(meddle_or_cancel)
        try:
            pipeline(*given)
        finally:
            meddling.result()


@pytest.mark.parametrize("count", [1, 2], ids=["one", "an array"])
def test_jobs_whose_ids_cannot_be_kept_are_cancelled(tmp_path: Path, count: int):
    before, jobs = set(own_jobs()), []
    for place in range(count):
        files = JobFiles(tmp_path / str(place))
        files.folder.mkdir()
        files.script.write_text("#!/bin/bash\nsleep 60\n")
        jobs.append(PreparedJob(f"unkept-{count}", SlurmSettings(memory="100M"), files))
    jobs[-1].files.number.mkdir()  # so that no file can be put there
    with pytest.raises(JobError, match=r"Slurm job \d+ was cancelled, because its id cannot"):
        submit_jobs(jobs)
    wait_for(lambda: {own_jobs()[job].name for job in set(own_jobs()) - before} <= {"CANCELLED"})


@pytest.mark.slow
def test_each_shard_that_is_ended_tells_why_and_the_others_are_kept(tmp_path: Path, slurm: Slurm):
    def meddle() -> None:
        _, late = begun(tmp_path, "waits-too-long")
        # The controller refuses an end time that has passed when it reads it.
        slurm.runs("scontrol", "update", f"JobId={late}", "EndTime=now+5")
        _, unwanted = begun(tmp_path, "waits-unwanted")
        slurm.runs("scancel", unwanted)

    tasks = ["memory", "waits-too-long", "waits-unwanted", "fine"]
    with pytest.raises(StepExecutionException):
        runs_while(pipelines.mapped, meddle, tasks, str(tmp_path))

    steps = last_run(pipelines.mapped).steps
    told = {
        name: step.exception_info.message for name, step in steps.items() if step.exception_info
    }
    key = "settings.step_operator of step 'work'"
    assert f"ran out of memory (700M). Raise memory in {key}" in told["map:work:0"]
    assert f"ran out of time (01:00:00). Raise time in {key}" in told["map:work:1"]
    assert "was cancelled" in told["map:work:2"]
    assert steps["map:work:3"].outputs["result"][0].load() == "fine done"


@pytest.mark.slow
def test_a_run_ends_although_a_shard_fails_after_another_had_no_chance_left(
    tmp_path: Path, slurm: Slurm
):
    def is_told() -> bool:
        run = last_run(pipelines.retried)
        failed = Client().list_run_steps(pipeline_run_id=run.id, status="failed").items
        return bool(failed) and not (job_folders() / str(failed[0].id) / "environment").exists()

    def end_late() -> None:
        _, late = begun(tmp_path, "waits")
        wait_for(lambda: attempts(tmp_path).get("fails") == 2 and is_told())
        slurm.runs("scancel", late)

    with pytest.raises(StepExecutionException):
        runs_while(pipelines.retried, end_late, ["fails", "waits"], str(tmp_path))
    assert attempts(tmp_path) == {"fails": 2, "waits": 1}


@pytest.mark.slow
def test_ctrl_c_cancels_the_jobs_and_none_is_tried_again(tmp_path: Path):
    command = [sys.executable, "-c", INTERRUPTED, str(tmp_path)]
    with subprocess.Popen(command, cwd=PROJECT_ROOT) as process:
        begun(tmp_path, "waits-1")
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=120) == -signal.SIGINT
    assert set(attempts(tmp_path).values()) == {1}
    wait_for(lambda: not {state.name for state in own_jobs().values()} & {"RUNNING", "PENDING"})


@pytest.mark.slow
def test_ctrl_c_names_the_jobs_that_it_cannot_cancel(
    hello: StepRunResponse,
    tmp_path: Path,
    slurm: Slurm,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
):
    script = tmp_path / "job.sh"
    script.write_text("#!/bin/bash\nsleep 600\n")
    files = JobFiles(job_folders() / str(hello.id))
    files.folder.mkdir()
    files.number.write_text(submit(script, ["--parsable", "--mem=100M", "--output=/dev/null"]))
    impatient = tmp_path / "slurm.conf"
    impatient.write_text((slurm.folder / "slurm.conf").read_text() + "MessageTimeout=2\n")
    operator = Client().active_stack.step_operator
    slurm.stop_controller()
    with ctrl_c_pressed(), monkeypatch.context() as patch:
        patch.setenv("SLURM_CONF", str(impatient))
        status = operator.get_status(hello)
    slurm.start_controller()
    assert status is ExecutionStatus.FAILED
    [told] = set(re.findall(r"scancel \d+", caplog.text))
    slurm.runs(*told.split())
    wait_for(lambda: own_jobs()[files.number.read_text()].name == "CANCELLED")
    remove_job(files)


@pytest.mark.slow
def test_a_step_that_tells_of_its_success_before_its_job_ends_leaves_no_folder(
    hello: StepRunResponse, tmp_path: Path
):
    script = tmp_path / "job.sh"
    script.write_text("#!/bin/bash\nsleep 3\n")
    files = JobFiles(job_folders() / str(hello.id))
    files.folder.mkdir()
    job = submit(script, ["--parsable", "--mem=100M", "--output=/dev/null"])
    files.number.write_text(job)
    operator = Client().active_stack.step_operator
    operator._done.discard(hello.id)
    operator.cleanup_step_submission(hello)
    assert own_jobs()[job].name == "COMPLETED"
    assert not files.folder.exists()


@pytest.mark.slow
def test_a_node_that_is_drained_ends_its_job_and_gets_no_more(tmp_path: Path, slurm: Slurm):
    drained = []

    def drain() -> None:
        drained.append(begun(tmp_path, "waits")[0])
        slurm.runs("scontrol", "update", f"NodeName={drained[0]}", "State=DRAIN", "Reason=test")
        (tmp_path / "go").touch()

    runs_while(pipelines.single, drain, "waits", str(tmp_path))
    places = {"code": PROJECT_ROOT, "shared": [], "timeout_s": 60}
    seen = ["python", "-c", "import os; print(os.environ['SLURMD_NODENAME'])"]
    following = run_probe(seen, JobOptions(memory="100M"), tmp_path, **places)
    slurm.runs("scontrol", "update", f"NodeName={drained[0]}", "State=RESUME")

    assert attempts(tmp_path) == {"waits": 1}
    assert following in {*NODES} - {*drained}


@pytest.mark.slow
def test_a_node_that_fails_gives_its_job_to_another(tmp_path: Path, slurm: Slurm):
    failed = []

    def fail() -> None:
        node, job = begun(tmp_path, "waits")
        failed.append(node)
        slurm.stop_node(node)  # what runs on it goes on unseen
        slurm.runs("scontrol", "update", f"NodeName={node}", "State=DOWN", "Reason=test")
        slurm.hurry(job)
        wait_for(lambda: attempts(tmp_path) == {"waits": 2})
        (tmp_path / "go").touch()

    runs_while(pipelines.single, fail, "waits", str(tmp_path))
    slurm.start_node(failed[0])
    assert begun(tmp_path, "waits")[0] != failed[0]
    [result] = last_run(pipelines.single).steps["work"].outputs["result"]
    assert result.load() == "waits done"


@pytest.mark.slow
def test_a_controller_that_goes_away_is_waited_for_and_a_job_is_submitted_once(
    tmp_path: Path, slurm: Slurm, caplog: pytest.LogCaptureFixture
):
    slurm.stop_controller()

    def restart_twice() -> None:
        wait_for(lambda: "The job is submitted again in a moment" in caplog.text)
        slurm.start_controller()
        begun(tmp_path, "waits")
        slurm.stop_controller()
        (tmp_path / "go").touch()
        wait_for(lambda: "Jobs go on meanwhile" in caplog.text)
        slurm.start_controller()

    runs_while(pipelines.single, restart_twice, "waits", str(tmp_path))
    assert attempts(tmp_path) == {"waits": 1}
