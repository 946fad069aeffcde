"""Options of a job of Slurm."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import ValidationError

from utils.slurm.options import JobOptions
from utils.slurm.script import (
    ATTEMPT_VARIABLE,
    JobFiles,
    environment_file,
    job_script,
    sbatch_arguments,
)

COMMAND = ["python", "-m", "step", "--name", "it's"]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        pytest.param({"time": 14400}, "write the time in quotes", id="YAML's 4:00:00"),
        pytest.param({"time": "4 hours"}, '"4 hours" is no time', id="words"),
        pytest.param({"options": ["--nodes=2"]}, "one node only", id="several nodes"),
        pytest.param({"options": ["-N2"]}, "one node only", id="several nodes, short"),
        pytest.param({"options": ["--ntasks 4"]}, "one node only", id="several tasks"),
        pytest.param({"options": ["--array=0-9"]}, "set array: true", id="array"),
        pytest.param({"options": ["-o/x"]}, "log is streamed", id="output"),
        pytest.param({"options": ["nice"]}, "no option of sbatch", id="no dashes"),
        pytest.param({"apptainer": "x.sif", "venv": "/v"}, "either venv or", id="two Pythons"),
    ],
)
def test_what_cannot_be_asked_for_is_refused(options, told):
    with pytest.raises(ValidationError, match=told):
        JobOptions(**options)


@pytest.mark.parametrize("time", ["90", "04:00:00", "1-12", "2-00:30:00", "UNLIMITED"])
def test_slurms_ways_to_write_a_time_are_taken(time):
    assert JobOptions(time=time).time == time


def test_sbatch_is_told_what_was_asked_for_and_nothing_else():
    options = JobOptions(
        partition="gpu", time="04:00:00", cpus=8, memory="32G", gpus="a100:2", options=["--nice=9"]
    )
    assert sbatch_arguments("a-step", options, Path("/shared/%x/log")) == [
        "--parsable",
        "--requeue",
        "--job-name=a-step",
        "--output=/shared/%%x/log",
        "--open-mode=append",
        "--nodes=1",
        "--ntasks=1",
        "--partition=gpu",
        "--time=04:00:00",
        "--cpus-per-task=8",
        "--mem=32G",
        "--gpus-per-node=a100:2",
        "--nice=9",
    ]


@pytest.mark.parametrize(
    ("options", "line"),
    [
        pytest.param({}, f"{sys.executable} -m step --name 'it'\"'\"'s'", id="this Python"),
        pytest.param({"venv": "/v"}, "/v/bin/python -m step", id="venv"),
        pytest.param(
            {"modules": ["python/3.11"]}, "\nmodule load python/3.11 || exit 1\n", id="module"
        ),
        pytest.param({"modules": ["python/3.11"]}, "\npython -m step", id="its Python"),
        pytest.param({"modules": ["x"]}, "\ncommand -v module > ", id="module itself"),
        pytest.param({"setup": ["ulimit -c 0"]}, "\nulimit -c 0\n", id="setup"),
        pytest.param(
            {"apptainer": "/i.sif", "gpus": 1, "apptainer_options": ["--cleanenv"]},
            "apptainer exec --nv --bind=/job --bind=/data --cleanenv /i.sif python -m step",
            id="apptainer",
        ),
        pytest.param({"apptainer": "/i.sif"}, 'APPTAINER_BIND="$scratch', id="its scratch"),
    ],
)
def test_the_environment_of_a_job(options, line):
    files = JobFiles(Path("/job"))
    places = {"code": Path("/code"), "folder": Path("/work"), "shared": [Path("/data")]}
    assert line in job_script(COMMAND, JobOptions(**options), files, **places)


def test_a_script_runs_where_names_have_blanks_and_leaves_its_exit_code(tmp_path):
    folder = tmp_path / "a b's"
    folder.mkdir()
    files = JobFiles(folder)
    files.environment.write_text(environment_file({"SECRET": "it's $HOME\n!"}))
    shown = f"os.environ['SECRET'], os.environ['{ATTEMPT_VARIABLE}']"
    command = ["python", "-c", f"import os, sys; print(repr(({shown}))); sys.exit(3)"]
    script = job_script(command, JobOptions(), files, code=tmp_path, folder=folder, shared=[])
    ran = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=False)
    assert (ran.returncode, files.ending.read_text()) == (3, "3\n")
    # A process knows its attempt from its beginning, however late it looks for others.
    assert ran.stdout == repr(("it's $HOME\n!", files.attempt.read_text().strip())) + "\n"
