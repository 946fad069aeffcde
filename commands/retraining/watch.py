"""Check for new reviews, woken by Label Studio or by the clock, and retrain when it is due."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from contextlib import AbstractContextManager, suppress

from commands.console import complain, say
from commands.requests import CommandLine
from commands.retraining.drift import unseen_drift
from commands.retraining.due import Retraining, outlook_of
from commands.retraining.options import WebhookOptions
from commands.retraining.webhook import listening
from utils.annotation.label_studio.webhook import registered
from utils.errors import SpyglassError
from utils.locks import exclusive
from utils.paths import with_project_on_path

_STOP_SECONDS = 60.0
_THIS_MACHINE = ("127.0.0.1", "localhost", "::1")


def watch(retraining: Retraining, command_line: CommandLine) -> None:
    """Watch until Ctrl-C, SIGTERM or SIGHUP.

    Each retraining is a process of its own: the watch survives whatever happens to it.

    Args:
        retraining: The opened model and project, from `open_retraining`.
        command_line: Command line of that process.

    Raises:
        BusyError: If the model is watched on this machine already.
        ServerError: If the webhook's port is taken.
        LabelStudioError: If the webhook cannot be registered.
    """
    try:
        with exclusive("watch", f"the model '{retraining.model}'"):
            _watch(retraining, command_line)
    except KeyboardInterrupt:
        say("Stopped watching. What is done is kept: the next watch goes on.")


def _watch(retraining: Retraining, command_line: CommandLine) -> None:
    options, told = retraining.options.watch, set[str]()
    hook = options.webhook
    if not hook.enabled:
        say(f"Watching {retraining.project.url}: a check every {options.poll_s:g} s.")
        while True:
            _check(retraining, command_line, told)
            time.sleep(options.poll_s)
    with _listening(hook) as (url, woken):
        address = hook.address or url
        with registered(retraining.client, retraining.project, address):
            say(
                f"Watching {retraining.project.url}: Label Studio calls {address}; "
                f"a check at least every {options.poll_s:g} s."
            )
            while True:
                woken.clear()
                _check(retraining, command_line, told)
                if woken.wait(options.poll_s):
                    # Reviews come in rows: one training for all of them is enough.
                    time.sleep(options.settle_s)


def _listening(hook: WebhookOptions) -> AbstractContextManager[tuple[str, threading.Event]]:
    """Listen on the port of the configuration, or on a free one if another watch has it.

    Only on this machine, and without an address: Label Studio is told the port of the moment.
    """
    may_move = hook.host in _THIS_MACHINE and hook.address is None
    return listening(hook.host, hook.port, or_any=may_move)


def _check(retraining: Retraining, command_line: CommandLine, told: set[str]) -> None:
    """Retrain if it is due; a fault is printed, and the next check tries again.

    Args:
        retraining: The opened model and project.
        command_line: Command line of a retraining.
        told: Sentences that are not told again, until they are over.
    """
    try:
        outlook = outlook_of(retraining)
        if not outlook.drift.unseen:
            told.clear()
        elif not told:
            say(unseen_drift(outlook.drift))
            told.add(outlook.drift.unseen)
        if outlook.is_due:
            _run_apart(command_line)
    except SpyglassError as error:
        complain(f"Error: {error}")
    except Exception as error:  # a service outlives servers that are away for a while
        complain(f"Error: {type(error).__name__}: {' '.join(str(error).split())}")


def _run_apart(command_line: CommandLine) -> None:
    """Run a command line in a process of its own, which ends with this one."""
    # In a group of its own, so that Ctrl-C reaches it once, from here; in our session, so that a
    # second signal ends it too.
    process = subprocess.Popen(
        [sys.executable, "-m", "commands"],
        process_group=0,
        stdin=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": with_project_on_path()},
    )
    try:
        process.communicate(pickle.dumps(command_line))
    except KeyboardInterrupt:
        _end(process)
        raise
    if process.returncode:
        complain(
            f"The retraining ended with exit code {process.returncode}; a later check tries again."
        )


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a process as Ctrl-C would, and by force if that does not help."""
    _signal(process, signal.SIGINT)
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        _signal(process, signal.SIGKILL)
        process.wait()


def _signal(process: subprocess.Popen[bytes], number: int) -> None:
    # Whoever stops a service may have stopped the process too, so that it is gone already.
    with suppress(ProcessLookupError):
        os.killpg(process.pid, number)
