"""Steps as jobs of a real Slurm, whatever happens to it meanwhile."""

from __future__ import annotations

import os
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
from zenml.constants import ENV_ZENML_ACTIVE_STACK_ID
from zenml.enums import ExecutionStatus
from zenml.exceptions import StepExecutionException
from zenml.models import PipelineRunResponse, StepRunResponse
from zenml.pipelines.pipeline_definition import Pipeline
from zenml.utils.source_utils import set_custom_source_root

from slurm.settings import SlurmSettings
from slurm.store_server import stop_serving
from slurm.submission import PreparedJob, remove_job, submit_jobs
from tests import slurm_pipelines as pipelines
from tests.conftest import PROJECT_ROOT
from tests.fixtures.slurm import NODES, Slurm
from tests.slurm_pipelines import wait_for
from utils import interrupts
from utils.errors import JobError
from utils.interrupts import interruptible
from utils.slurm.commands import cancel, find_job, own_jobs, submit
from utils.slurm.options import JobOptions
from utils.slurm.probe import run_probe
from utils.slurm.script import OFFLINE, JobFiles

pytestmark = pytest.mark.slow
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
# On a ZenML server; tells the store that the job was given, and the servers that were started here.
ON_A_SERVER = """
import os, subprocess, sys
from zenml.client import Client
from zenml.utils.source_utils import set_custom_source_root
from tests import slurm_pipelines as pipelines

set_custom_source_root(".")
Client().activate_stack(pipelines.use_stack("on-slurm", sys.argv[1], memory="700M"))
pipelines.static("hello")
[place] = Client().get_pipeline("static").last_run.steps["where"].outputs["place"]
started = subprocess.run(["pgrep", "--parent", str(os.getpid())], capture_output=True, text=True)
print("THE STORE", place.load()["ZENML_STORE_URL"], started.stdout.split())
"""
EMULATORS = PROJECT_ROOT / "tests" / "emulators"
SHARDS = [f"together-{number}" for number in range(7)]


@pytest.fixture(scope="module", autouse=True)
def on_slurm(slurm: Slurm, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Pipelines of this module run on a stack whose steps are jobs, without a ZenML server."""
    store = tmp_path_factory.mktemp("shared") / "store"
    with pytest.MonkeyPatch.context() as patch:
        asked = {
            "array": True,
            "memory": "700M",
            "time": "01:00:00",
            "code": "archive",
            "submit_host": "127.0.0.1",
        }
        stack = pipelines.use_stack("on-slurm", str(store), **asked)
        patch.setenv(ENV_ZENML_ACTIVE_STACK_ID, stack)
        patch.setenv("ZENML_DYNAMIC_PIPELINE_MONITORING_INTERVAL", "1")
        set_custom_source_root(str(PROJECT_ROOT))
        yield
        set_custom_source_root(None)
        stop_serving()


@pytest.fixture(scope="module")
def hello(on_slurm: None) -> StepRunResponse:
    """A step that has run as a job."""
    pipelines.static("hello")
    return last_run(pipelines.static).steps["where"]


@pytest.fixture
def modules(tmp_path: Path) -> Path:
    """A folder of environment modules."""
    if not Path("/etc/profile.d/modules.sh").is_file():
        pytest.skip("no environment modules here; on Debian: apt install environment-modules")
    folder = tmp_path / "modules"
    folder.mkdir()
    return folder


def job_folders() -> Path:
    return Path(Client().active_stack.artifact_store.path) / "slurm-jobs"


def last_run(pipeline: Pipeline) -> PipelineRunResponse:
    return Client().get_pipeline(pipeline.name).last_run


def attempts(folder: Path) -> dict[str, int]:
    """How often each task has begun."""
    return {path.stem: len(path.read_text().splitlines()) for path in folder.glob("*.begun")}


def begun(folder: Path, task: str) -> tuple[str, str]:
    """Node and job of the last attempt at a task, once there is one."""
    path = folder / f"{task}.begun"
    wait_for(lambda: path.is_file() and path.read_text().endswith("\n"))
    node, job = path.read_text().splitlines()[-1].split()
    return node, job


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


def test_a_step_is_a_job_that_downloads_nothing_and_whose_log_is_the_steps(hello: StepRunResponse):
    place = hello.outputs["place"][0].load()
    assert place["SLURMD_NODENAME"] in NODES
    assert place.items() >= OFFLINE.items()
    assert place["PYTHONPATH"].split(":")[0] not in ("", str(PROJECT_ROOT))  # a copy of the code
    [log] = [log for log in hello.log_collection if log.source == "slurm"]
    lines = [entry.message for entry in Client().active_stack.log_store.fetch(log).items]
    assert any("the word is hello" in line for line in lines)
    assert not (job_folders() / str(hello.id)).exists()


def test_others_do_not_see_the_token_of_the_store(hello: StepRunResponse, slurm: Slurm):
    token = hello.outputs["place"][0].load()["ZENML_STORE_API_TOKEN"]
    commands = [
        "ps -ww -eo args",
        "squeue --states=all --format=%all",
        "scontrol show job --details",
    ]
    assert "slurm.serve" in slurm.runs(*commands[0].split())  # it is served now
    assert not [command for command in commands if token in slurm.runs(*command.split())]


def test_a_step_runs_in_an_image_of_a_module_on_the_gpus_that_it_asks_for(
    tmp_path: Path, modules: Path
):
    if subprocess.run(["unshare", "--user", "--map-root-user", "--mount", "true"]).returncode:
        pytest.skip("no user namespaces here, which the stand-in for Apptainer needs")
    (modules / "apptainer").write_text(f"#%Module1.0\nprepend-path PATH {EMULATORS}\n")
    python = Path(sys.prefix).resolve()
    image = tmp_path / "spyglass.sif"
    held = [f"{python}/bin:/usr/bin:/bin", "/usr", "/etc", python, sys.base_prefix]
    image.write_text("\n".join(map(str, held)))
    asked = {
        "modules": ["apptainer"],
        "setup": [f"module use {modules}"],
        "apptainer": str(image),
        "gpus": 2,
    }
    settings = {"where": {"settings": {"step_operator": asked}}}
    pipelines.static.with_options(steps=settings)("hello")

    place = last_run(pipelines.static).steps["where"].outputs["place"][0].load()
    assert place["APPTAINER_CONTAINER"] == str(image)
    assert (place["CUDA_VISIBLE_DEVICES"], place["APPTAINER_NV"]) == ("0,1", "1")


def test_jobs_take_the_python_of_a_module(tmp_path: Path, modules: Path):
    own = tmp_path / "bin" / "python"
    own.parent.mkdir()
    own.write_text(f'#!/bin/sh\nIS_OF_MODULE=yes exec {sys.executable} "$@"\n')
    own.chmod(0o755)
    (modules / "python").mkdir()
    (modules / "python" / "3.11").write_text(f"#%Module1.0\nprepend-path PATH {own.parent}\n")
    options = JobOptions(modules=["python/3.11"], setup=[f"module use {modules}"], memory="100M")
    places = {"code": PROJECT_ROOT, "shared": [], "timeout_s": 60}
    seen = ["python", "-c", "import os; print(os.environ['IS_OF_MODULE'])"]
    assert run_probe(seen, options, tmp_path, **places) == "yes"


def test_on_a_zenml_server_jobs_use_it_and_nothing_is_served(
    tmp_path: Path, zenml_server: dict[str, str]
):
    foreign = {ENV_ZENML_ACTIVE_STACK_ID: "", "ZENML_CONFIG_PATH": str(tmp_path / "config")}
    ran = subprocess.run(
        [sys.executable, "-c", ON_A_SERVER, str(tmp_path / "store")],
        cwd=PROJECT_ROOT,
        env={**os.environ, **foreign, **zenml_server},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    assert f"THE STORE {zenml_server['ZENML_STORE_URL']} []" in ran.stdout


def test_seven_shards_are_one_array_of_which_several_run_at_once(tmp_path: Path):
    before, folders = set(own_jobs()), set(job_folders().glob("*"))
    pipelines.mapped(SHARDS, str(tmp_path))

    gathered = last_run(pipelines.mapped).steps["gather"].outputs["gathered"][0].load()
    assert gathered == [f"{task} done" for task in SHARDS]
    assert attempts(tmp_path) == dict.fromkeys(SHARDS, 1)
    jobs = set(own_jobs()) - before
    assert {job.partition("_")[0] for job in jobs} == {min(jobs).partition("_")[0]}
    assert {job.partition("_")[2] for job in jobs} == set("0123456")
    assert set(job_folders().glob("*")) == folders


def test_an_array_is_found_by_its_name_although_its_tasks_have_begun(tmp_path: Path):
    script = tmp_path / "job.sh"
    script.write_text("#!/bin/bash\nsleep 60\n")
    asked = ["--parsable", "--job-name=found-again", "--array=0-2", f"--output={tmp_path}/%a"]
    array = submit(script, asked)
    wait_for(lambda: [own_jobs()[f"{array}_{task}"].name for task in range(3)] == ["RUNNING"] * 3)
    assert find_job("found-again") == array
    cancel([array])


@pytest.mark.parametrize("count", [1, 2], ids=["one", "an array"])
def test_jobs_whose_ids_cannot_be_kept_are_cancelled(tmp_path: Path, count: int):
    before, jobs = set(own_jobs()), []
    for place in range(count):
        files = JobFiles(tmp_path / str(place))
        files.folder.mkdir()
        files.script.write_text("#!/bin/bash\nsleep 60\n")
        jobs.append(PreparedJob("work", f"unkept-{count}", SlurmSettings(memory="100M"), files))
    jobs[-1].files.number.mkdir()  # so that no file can be put there
    with pytest.raises(JobError, match=r"Slurm job \d+ was cancelled, because its id cannot"):
        submit_jobs(jobs)
    wait_for(lambda: {own_jobs()[job].name for job in set(own_jobs()) - before} <= {"CANCELLED"})


def test_a_node_is_tried_without_leaving_anything_behind(tmp_path: Path):
    places = {"code": PROJECT_ROOT, "shared": [], "timeout_s": 60}
    options = JobOptions(memory="700M")
    seen = ["python", "-c", "import slurm; print('it sees the project')"]
    assert run_probe(seen, options, tmp_path, **places) == "it sees the project"
    assert not list(tmp_path.iterdir())
    with pytest.raises(JobError, match="no module"):
        run_probe(
            ["python", "-c", "import sys; sys.exit('no module')"], options, tmp_path, **places
        )


def test_each_shard_that_is_ended_tells_why_and_the_others_are_kept(tmp_path: Path, slurm: Slurm):
    def meddle() -> None:
        _, late = begun(tmp_path, "waits-too-long")
        # What is over by the time that the controller reads it is refused.
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


def test_ctrl_c_cancels_the_jobs_and_none_is_tried_again(tmp_path: Path):
    command = [sys.executable, "-c", INTERRUPTED, str(tmp_path)]
    with subprocess.Popen(command, cwd=PROJECT_ROOT) as process:
        begun(tmp_path, "waits-1")
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=120) == -signal.SIGINT
    assert set(attempts(tmp_path).values()) == {1}
    wait_for(lambda: not {state.name for state in own_jobs().values()} & {"RUNNING", "PENDING"})


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
