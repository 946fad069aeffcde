"""Steps as jobs of a real Slurm: what a job has, and how it is found."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from zenml.client import Client
from zenml.constants import ENV_ZENML_ACTIVE_STACK_ID
from zenml.models import StepRunResponse

from slurm import batches
from slurm.operator import clean_up_rest
from tests import slurm_pipelines as pipelines
from tests.conftest import PROJECT_ROOT
from tests.fixtures.slurm import NODES, Slurm
from tests.slurm_pipelines import wait_for
from tests.slurm_runs import attempts, job_folders, last_run
from utils.errors import JobError
from utils.slurm.commands import cancel, find_job, own_jobs, submit
from utils.slurm.options import JobOptions
from utils.slurm.probe import run_probe
from utils.slurm.script import OFFLINE

pytestmark = pytest.mark.usefixtures("on_slurm")
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


@pytest.fixture
def modules(tmp_path: Path) -> Path:
    """A folder of environment modules."""
    if not Path("/etc/profile.d/modules.sh").is_file():
        pytest.skip("no environment modules here; on Debian: apt install environment-modules")
    folder = tmp_path / "modules"
    folder.mkdir()
    return folder


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
    own = slurm.runs("ps", "--ppid", str(os.getpid()), *["-ww", "-o", "args"])
    assert "slurm.serve" in own  # it is served now
    assert not [command for command in commands if token in slurm.runs(*command.split())]


@pytest.mark.slow
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


@pytest.mark.slow
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


@pytest.mark.slow
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


@pytest.mark.slow
def test_seven_shards_are_one_array_of_which_several_run_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    # On a machine that is busy with other tests ZenML takes its time between two shards.
    monkeypatch.setattr(batches, "_WINDOW_SECONDS", 20.0)
    before, folders = set(own_jobs()), set(job_folders().glob("*"))
    pipelines.mapped(SHARDS, str(tmp_path))

    gathered = last_run(pipelines.mapped).steps["gather"].outputs["gathered"][0].load()
    assert gathered == [f"{task} done" for task in SHARDS]
    assert attempts(tmp_path) == dict.fromkeys(SHARDS, 1)
    jobs = set(own_jobs()) - before
    assert {job.partition("_")[0] for job in jobs} == {min(jobs).partition("_")[0]}
    assert {job.partition("_")[2] for job in jobs} == set("0123456")
    clean_up_rest()  # as at the end of the process
    assert set(job_folders().glob("*")) == folders


def test_an_array_is_found_by_its_name_although_its_tasks_have_begun(tmp_path: Path):
    script = tmp_path / "job.sh"
    script.write_text("#!/bin/bash\nsleep 60\n")
    asked = ["--parsable", "--job-name=found-again", "--array=0-2", f"--output={tmp_path}/%a"]
    array = submit(script, asked)
    wait_for(lambda: [own_jobs()[f"{array}_{task}"].name for task in range(3)] == ["RUNNING"] * 3)
    assert find_job("found-again") == array
    cancel([array])


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
