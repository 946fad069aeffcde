"""The run of a killed process does not stay "running" for ever, in a real ZenML store."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest
from zenml.client import Client

from commands.runs.cut_off_runs import end_cut_off_runs, marked_as_running
from tests.conftest import PROJECT_ROOT


@pytest.fixture
def cut_off() -> str:
    """The name of a run whose process was killed in its first step."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.killed_pipeline", "killed-run"],
        cwd=PROJECT_ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    return "killed-run"


def states(run: str) -> list[str]:
    found = Client().get_pipeline_run(run)
    return [found.status.value, *(step.status.value for step in found.steps.values())]


def test_the_next_command_marks_a_killed_run_as_stopped_and_says_so(cut_off, capsys, monkeypatch):
    monkeypatch.setattr("commands.runs.cut_off_runs.store_url", lambda: "sqlite:///elsewhere.db")
    end_cut_off_runs()
    assert states(cut_off) == ["running", "running"]  # nobody can tell in another store

    monkeypatch.undo()
    end_cut_off_runs()
    assert states(cut_off) == ["stopped", "stopped"]
    assert f"The run '{cut_off}' was cut off by a kill" in capsys.readouterr().out
    end_cut_off_runs()
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("content", ["", "[]", '{"run": 1'], ids=["empty", "a list", "cut short"])
def test_a_damaged_note_is_done_with(content, capsys, local_state):
    folder = local_state / "processes" / f"left{os.getpid()}"
    (folder / "runs").mkdir(parents=True)
    (folder / "alive").touch()
    (folder / "runs" / "note.json").write_text(content)
    end_cut_off_runs()
    assert not folder.exists()


def test_a_run_that_was_never_begun_needs_no_word(capsys):
    with pytest.raises(KeyboardInterrupt), marked_as_running("never-begun"):
        raise KeyboardInterrupt
    end_cut_off_runs()
    assert capsys.readouterr().out == ""
