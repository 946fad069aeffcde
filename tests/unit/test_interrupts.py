"""Ctrl-C ends the work of every thread."""

from __future__ import annotations

import signal
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest

from utils.interrupts import check, interruptible
from utils.progress import progress


def test_work_in_another_thread_ends_at_its_next_step():
    begun = Event()

    def work() -> None:
        with progress("Working (steps)") as advance:
            while True:
                advance(1)
                begun.set()

    def press_ctrl_c() -> None:
        begun.wait()
        signal.raise_signal(signal.SIGINT)

    with ThreadPoolExecutor(1) as threads, interruptible():
        working = threads.submit(work)
        with pytest.raises(KeyboardInterrupt):
            press_ctrl_c()
        with pytest.raises(KeyboardInterrupt):
            working.result(timeout=10)


def test_the_next_command_is_not_interrupted():
    with pytest.raises(KeyboardInterrupt), interruptible():
        signal.raise_signal(signal.SIGINT)
    with interruptible():
        check()


def test_the_handler_of_before_is_put_back():
    before = signal.getsignal(signal.SIGINT)
    with interruptible():
        assert signal.getsignal(signal.SIGINT) is not before
    assert signal.getsignal(signal.SIGINT) is before


def test_other_threads_may_run_commands_too():
    with ThreadPoolExecutor(1) as threads:
        threads.submit(lambda: interruptible().__enter__()).result()
