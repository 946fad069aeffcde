"""Slurm's states of jobs, and the messages to the user."""

from __future__ import annotations

import re

import pytest

from utils.slurm.endings import explain
from utils.slurm.options import JobOptions
from utils.slurm.refusals import remedy
from utils.slurm.states import (
    FORGOTTEN,
    JobState,
    Phase,
    parse_sacct,
    parse_scontrol,
    parse_squeue,
)

SCONTROL = (
    "JobId=3 JobName=wrap UserId=ada(1000) GroupId=ada(1000) Priority=42 Nice=0 Account=(null) "
    "JobState=TIMEOUT Reason=TimeLimit Dependency=(null) Requeue=1 ExitCode=0:15 "
    "NodeList=node1 BatchHost=node1 Command=/shared/my folder/job.sh WorkDir=/shared Power="
)


def test_squeue_tells_state_reason_and_node():
    shown = "12|RUNNING|None|node1\n13_4|PENDING|Resources|\n14|FAILED|NonZeroExitCode|n[1-2]\n"
    assert parse_squeue(shown) == {
        "12": JobState("RUNNING", node="node1"),
        "13_4": JobState("PENDING", "Resources"),
        "14": JobState("FAILED", "NonZeroExitCode", "n[1-2]"),
    }


# As slurmdbd 22.05 with MariaDB told of real jobs that ended in these ways.
ACCOUNTED = """\
1|COMPLETED|node1|0:0
2|FAILED|node1|3:0
3|CANCELLED by 0|None assigned|0:0
4|CANCELLED by 0|node1|0:0
5|TIMEOUT|node1|0:0
7|PREEMPTED|node2|0:0
8|NODE_FAIL|node1|0:0
9|REQUEUED|node1|0:0
9|RUNNING|node1|0:0
10|FAILED|node1|0:9
6_1|FAILED|node1|1:0
"""


def test_what_accounting_has_told_of_real_jobs_is_understood():
    told = {
        job: (state.name, state.phase, state.node, state.exit_code)
        for job, state in parse_sacct(ACCOUNTED).items()
    }
    assert told == {
        "1": ("COMPLETED", Phase.DONE, "node1", 0),
        "2": ("FAILED", Phase.FAILED, "node1", 3),
        "3": ("CANCELLED", Phase.FAILED, "", 0),
        "4": ("CANCELLED", Phase.FAILED, "node1", 0),
        "5": ("TIMEOUT", Phase.FAILED, "node1", 0),
        "7": ("PREEMPTED", Phase.FAILED, "node2", 0),
        "8": ("NODE_FAIL", Phase.FAILED, "node1", 0),
        "9": ("RUNNING", Phase.RUNNING, "node1", 0),
        "10": ("FAILED", Phase.FAILED, "node1", 0),
        "6_1": ("FAILED", Phase.FAILED, "node1", 1),
    }


def test_of_a_job_that_was_requeued_accounting_tells_the_last_attempt():
    shown = "7|NODE_FAIL|node1|1:0\n7|COMPLETED|node2|0:0\n8|CANCELLED by 1000|None assigned|0:15\n"
    assert parse_sacct(shown) == {
        "7": JobState("COMPLETED", node="node2", exit_code=0),
        "8": JobState("CANCELLED", exit_code=0),
    }


def test_scontrol_tells_of_one_job():
    assert parse_scontrol(SCONTROL) == JobState("TIMEOUT", "TimeLimit", "node1", 0)
    assert parse_scontrol("No jobs in the system") is None


@pytest.mark.parametrize(
    ("name", "phase"),
    [
        ("PENDING", Phase.WAITING),
        ("REQUEUED", Phase.WAITING),
        ("RUNNING", Phase.RUNNING),
        ("COMPLETING", Phase.RUNNING),
        ("COMPLETED", Phase.DONE),
        ("PREEMPTED", Phase.FAILED),
        ("SOMETHING_NEW", Phase.FAILED),
    ],
)
def test_every_state_is_a_phase(name, phase):
    assert JobState(name).phase is phase


def test_a_job_that_no_node_could_start_has_failed_although_it_is_in_the_queue():
    [held] = parse_squeue("8|PENDING|launch failed requeued held|\n").values()
    assert held.phase is Phase.FAILED
    assert "could not be started by its node" in explain("8", "train", held, JobOptions(), "")


@pytest.mark.parametrize(
    ("state", "log", "told"),
    [
        ("OUT_OF_MEMORY", "", "ran out of memory (4G). Raise memory in settings.step_operator"),
        ("FAILED", "error: StepId=3.batch exceeded memory limit (3 > 1)", "ran out of memory (4G)"),
        ("FAILED", "slurmstepd: error: Detected 1 oom-kill event(s)", "ran out of memory (4G)"),
        ("TIMEOUT", "", "ran out of time (01:00:00). Raise time in settings.step_operator"),
        ("NODE_FAIL", "", "its node failed (node1). Run it again"),
        ("PREEMPTED", "", "had to make room for another job"),
        ("CANCELLED", "", "was cancelled. Run it again"),
        (FORGOTTEN, "epoch 3\n", "Slurm does not remember it. Run it again to go on."),
        (FORGOTTEN, "epoch 3\n", "Its last words: epoch 3"),
        ("FAILED", "bash: module: command not found\n\n", "failed with exit code 1: bash: module:"),
    ],
)
def test_an_ending_is_told_with_what_to_change(state, log, told):
    options = JobOptions(memory="4G", time="01:00:00")
    sentence = explain("12", "train", JobState(state, node="node1", exit_code=1), options, log)
    assert sentence.startswith("The Slurm job 12 of step 'train' ")
    assert told in sentence


@pytest.mark.parametrize(
    ("said", "change"),
    [
        ("invalid partition specified: nope", "partition"),
        ("Requested node configuration is not available", "memory, cpus or gpus"),
        ("Memory specification can not be satisfied", "memory, cpus or gpus"),
        ("Invalid generic resource (gres) specification", "gpus or gres"),
        ("Invalid feature specification", "constraint"),
        ("Invalid account or account/partition combination specified", "account"),
        ("Invalid qos specification", "qos"),
        ("Requested time limit is invalid (missing or exceeds some limit)", "time"),
        ("Invalid --mem specification", "memory"),
        ("unrecognized option '--nonsense=3'", "options"),
    ],
)
def test_a_job_that_slurm_refuses_is_told_with_what_to_change(said, change):
    assert re.match(rf"(Correct|Lower) {change}\b", remedy(said))


def test_a_refusal_that_is_not_known_is_told_in_slurms_words():
    assert remedy("Requested reservation is invalid") == ""
