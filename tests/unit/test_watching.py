"""A watch ends together with the retraining that it has started."""

from __future__ import annotations

import signal
import subprocess
import sys

from commands.retraining.watch import _end


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
