"""Ctrl-C ends the work of every thread. Each case is a process of its own, as a user's is."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.conftest import PROJECT_ROOT

PRESS_CTRL_C = """
import signal
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from utils.interrupts import check, interruptible
from utils.progress import progress

begun = Event()

def work():
    with progress("Working (steps)") as advance:
        while True:
            advance(1)
            begun.set()
"""
IN_A_THREAD = """
with ThreadPoolExecutor(1) as threads, interruptible():
    working = threads.submit(work)
    begun.wait()
    try:
        signal.raise_signal(signal.SIGINT)
    except KeyboardInterrupt:
        print("main thread interrupted")
    try:
        working.result(timeout=30)
    except KeyboardInterrupt:
        print("other thread interrupted")
"""
NEXT_COMMAND = """
try:
    with interruptible():
        signal.raise_signal(signal.SIGINT)
except KeyboardInterrupt:
    print("interrupted")
with interruptible():
    check()
print("not interrupted")
"""
HANDLER = """
before = signal.getsignal(signal.SIGINT)
with interruptible():
    print(signal.getsignal(signal.SIGINT) is before)
print(signal.getsignal(signal.SIGINT) is before)
"""
COMMAND_IN_A_THREAD = """
def command():
    with interruptible():
        return "done"

with ThreadPoolExecutor(1) as threads:
    print(threads.submit(command).result())
"""


@pytest.mark.parametrize(
    ("script", "shown"),
    [
        pytest.param(
            IN_A_THREAD,
            ["main thread interrupted", "other thread interrupted"],
            id="work in another thread ends at its next step",
        ),
        pytest.param(
            NEXT_COMMAND,
            ["interrupted", "not interrupted"],
            id="the next command is not interrupted",
        ),
        pytest.param(HANDLER, ["False", "True"], id="the handler of before is put back"),
        pytest.param(COMMAND_IN_A_THREAD, ["done"], id="other threads may run commands too"),
    ],
)
def test_ctrl_c(script, shown):
    done = subprocess.run(
        [sys.executable, "-c", PRESS_CTRL_C + script],
        cwd=PROJECT_ROOT,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stdout.splitlines() == shown
