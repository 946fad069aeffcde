"""A watch ends together with the retraining that it has started."""

from __future__ import annotations

import pickle
import signal
import subprocess
import sys
from pathlib import Path

from commands.requests import CommandLine, InspectSource
from commands.retraining.watch import _end
from tests.conftest import PROJECT_ROOT


def test_a_retraining_that_was_stopped_together_with_the_watch_is_no_fault() -> None:
    process = subprocess.Popen([sys.executable, "-c", ""], start_new_session=True)
    process.wait()
    _end(process)
    assert process.returncode == 0


def test_one_that_runs_is_ended_as_by_ctrl_c() -> None:
    command = [sys.executable, "-c", "print(flush=True); import time; time.sleep(600)"]
    process = subprocess.Popen(command, start_new_session=True, stdout=subprocess.PIPE)
    assert process.stdout is not None
    with process.stdout:
        process.stdout.readline()
        _end(process)
    assert process.returncode == -signal.SIGINT


def test_a_command_line_reaches_another_process_as_it_is(tmp_path: Path) -> None:
    command_line = CommandLine((InspectSource(str(tmp_path / "nowhere")),))
    done = subprocess.run(
        [sys.executable, "-m", "commands"],
        cwd=PROJECT_ROOT,
        input=pickle.dumps(command_line),
        capture_output=True,
        check=False,
    )
    assert done.returncode == 1
    assert b"Error: " in done.stderr
    assert b"nowhere" in done.stderr
