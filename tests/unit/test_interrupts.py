"""Ctrl-C, SIGTERM and SIGHUP end the work of every thread and process. Each case is a process."""

from __future__ import annotations

import signal
import subprocess
import sys
from contextlib import suppress

import psutil
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
PART = """
try:
    with interruptible():
        with interruptible():
            pass
        print(signal.getsignal(signal.SIGTERM) is signal.SIG_DFL)
        signal.raise_signal(signal.SIGTERM)
except KeyboardInterrupt:
    print("interrupted")
"""
NOHUP = """
signal.signal(signal.SIGHUP, signal.SIG_IGN)
with interruptible():
    signal.raise_signal(signal.SIGHUP)
print("goes on")
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
        pytest.param(PART, ["False", "interrupted"], id="a block inside a block is a part of it"),
        pytest.param(NOHUP, ["goes on"], id="nohup keeps the closing of the terminal away"),
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


KEPT = "Interrupted. What is done is kept: run the same command again to go on."
COMMAND = """
import signal, subprocess, sys, threading, time
from commands.outcome import exit_code_of

def wait():
    print("waiting", flush=True)
    threading.Event().wait()
"""
SWALLOWS = """
def work():
    while True:
        try:
            wait()
        except KeyboardInterrupt:
            pass
"""
FAILS = """
def work():
    try:
        wait()
    except KeyboardInterrupt:
        raise RuntimeError("DataLoader worker was killed")
"""
# Python says "Exception ignored in" of what is raised in a destructor, and while it imports.
DROPPED = """
class Ending:
    def __del__(self):
        print("waiting", flush=True)
        time.sleep(60)

def work():
    Ending()
    time.sleep(60)
"""
# A worker of a worker, as with ultralytics on several GPUs, where Ctrl-C reaches only the first.
WORKERS = """
GRANDCHILD = "import os, time; print(os.getpid(), flush=True); time.sleep(600)"
CHILD = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {GRANDCHILD!r}])"

def work():
    subprocess.run([sys.executable, "-c", CHILD], start_new_session=False)
"""
SERVER = """
def work():
    server = subprocess.Popen(["sleep", "600"], start_new_session=True)
    print(server.pid, flush=True)
    wait()
"""


def command(work: str) -> subprocess.Popen[str]:
    """A command that does `work`; it prints a line when it has begun."""
    return subprocess.Popen(
        [sys.executable, "-c", f"{COMMAND}\n{work}\nsys.exit(exit_code_of(work))"],
        cwd=PROJECT_ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
@pytest.mark.parametrize(
    "work", ["work = wait", FAILS, DROPPED], ids=["waits", "fails when interrupted", "ignored"]
)
def test_every_signal_ends_a_command_with_the_same_sentence(number, code, work):
    process = command(work)
    process.stdout.readline()
    process.send_signal(number)
    _, told = process.communicate(timeout=60)

    assert process.returncode == code
    assert told.strip() == KEPT


def test_a_closed_terminal_cannot_be_told_and_the_code_is_the_same():
    process = command("work = wait")
    process.stdout.readline()
    process.stderr.close()
    process.send_signal(signal.SIGHUP)
    assert process.wait(timeout=60) == 129


def test_a_second_signal_ends_at_once():
    process = command(SWALLOWS)
    process.stdout.readline()
    process.send_signal(signal.SIGTERM)
    process.stdout.readline()
    while process.poll() is None:  # one that comes with the first is the same
        process.send_signal(signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            process.wait(0.05)
    _, told = process.communicate()

    assert process.returncode == 143
    assert "Ended at once. What is done is kept" in told


def test_two_signals_of_one_cause_are_one():
    """GNU make passes on what its whole group has received."""
    process = command("work = wait")
    process.stdout.readline()
    for number in (signal.SIGTERM, signal.SIGTERM, signal.SIGHUP):
        process.send_signal(number)
    _, told = process.communicate(timeout=60)

    assert process.returncode in (143, 129)
    assert told.strip() == KEPT


def test_the_workers_of_a_command_end_with_it():
    process = command(WORKERS)
    worker = psutil.Process(int(process.stdout.readline()))
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert not worker.is_running() or worker.status() == psutil.STATUS_ZOMBIE


def test_servers_outlive_the_command_that_started_them():
    process = command(SERVER)
    server = psutil.Process(int(process.stdout.readline()))
    process.stdout.readline()
    process.send_signal(signal.SIGTERM)
    process.wait(timeout=60)
    assert server.is_running()
    server.kill()
