"""The state of a job, from whatever part of Slurm still knows it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from slurm.queue import Queue
from utils.slurm.states import FORGOTTEN, JobState


@pytest.fixture
def says(tmp_path, monkeypatch):
    """Lets a program of Slurm print what it printed in such a case."""
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)

    def set_words(program: str, words: str, code: int = 0) -> None:
        path = tmp_path / program
        path.write_text(f"#!/bin/sh\necho '{words}'\nexit {code}\n")
        path.chmod(0o755)

    set_words("squeue", "1|RUNNING|None|node1")
    set_words("sacct", "", 1)
    set_words("scontrol", "", 1)
    return set_words


def test_a_job_that_was_just_submitted_is_not_taken_for_an_old_one_of_its_id(says, tmp_path):
    queue = Queue(interval_s=60)
    assert queue.state("1", tmp_path / "exit").name == "RUNNING"
    says("sacct", "2|COMPLETED|node1|0:0")
    says("squeue", "2|PENDING|Resources|")
    assert queue.state("2", tmp_path / "exit") == JobState("PENDING", "Resources")


def test_of_a_job_that_slurm_has_forgotten_its_exit_code_tells(says, tmp_path):
    ending = tmp_path / "exit"
    ending.write_text("3\n")
    assert Queue(0).state("7", ending) == JobState("FAILED", exit_code=3)


def test_a_job_that_slurm_has_forgotten_without_an_end_is_given_up(says, tmp_path):
    queue = Queue(0)
    names = [queue.state("7", Path(tmp_path / "exit")).name for _ in range(3)]
    assert names == ["RUNNING", "RUNNING", FORGOTTEN]
