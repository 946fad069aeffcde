"""Look for reviews, woken by Label Studio or by the clock, and retrain when it is due."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress

from commands.console import complain, say
from commands.retraining.retrain import Retraining, is_due
from commands.retraining.webhook import listening, registered
from utils.errors import SpyglassError
from utils.locks import exclusive
from utils.paths import PROJECT_ROOT

_STOP_SECONDS = 60.0


def watch(retraining: Retraining, arguments: Sequence[str]) -> None:
    """Watch until Ctrl-C, SIGTERM or SIGHUP.

    Each retraining is a process of its own: whatever becomes of it, the watch goes on.

    Args:
        retraining: From `open_retraining`.
        arguments: Those of `run.py --retrain-if-due` besides that flag.

    Raises:
        BusyError: If the model is watched on this machine already.
        ServerError: If the webhook's port is taken.
        LabelStudioError: If the webhook cannot be registered.
    """
    try:
        with exclusive("watch", f"the model '{retraining.model}'"):
            _watch(retraining, [sys.executable, str(PROJECT_ROOT / "run.py"), *arguments])
    except KeyboardInterrupt:
        say("Stopped watching. What is done is kept: the next watch goes on.")


def _watch(retraining: Retraining, command: Sequence[str]) -> None:
    options = retraining.options.watch
    hook = options.webhook
    if not hook.enabled:
        say(f"Watching {retraining.project.url}: a look every {options.poll_s:g} s.")
        while True:
            _look(retraining, command)
            time.sleep(options.poll_s)
    with listening(hook.host, hook.port) as (url, woken):
        address = hook.address or url
        with registered(retraining.client, retraining.project, address):
            say(
                f"Watching {retraining.project.url}: Label Studio calls {address}; "
                f"a look at least every {options.poll_s:g} s."
            )
            while True:
                woken.clear()
                _look(retraining, command)
                if woken.wait(options.poll_s):
                    time.sleep(options.settle_s)


def _look(retraining: Retraining, command: Sequence[str]) -> None:
    """Retrain if it is due; a fault is told, and the next look tries again."""
    try:
        if is_due(retraining):
            _run(command)
    except SpyglassError as error:
        complain(f"Error: {error}")
    except Exception as error:  # a service outlives servers that are away for a while
        complain(f"Error: {type(error).__name__}: {' '.join(str(error).split())}")


def _run(command: Sequence[str]) -> None:
    """Run a command to its end, and end it with us."""
    # In a group of its own, so that Ctrl-C reaches it once, from here; in our session, so that a
    # second signal ends it too.
    process = subprocess.Popen(
        [*command, "--retrain-if-due"], process_group=0, stdin=subprocess.DEVNULL
    )
    try:
        code = process.wait()
    except KeyboardInterrupt:
        _end(process)
        raise
    if code:
        complain(f"The retraining ended with exit code {code}; a later look tries again.")


def _end(process: subprocess.Popen[bytes]) -> None:
    """As Ctrl-C would, and by force if that does not help."""
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
