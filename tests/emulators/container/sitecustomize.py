"""Read by every Python of a job, to make up for the container that it does not have.

ZenML's jobs work in `/app`, whatever folder they are started in: here it is a folder of the job's
own. And the job does not outlive the emulator.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from typing import Any

_OWN = os.environ.get("EMULATED_APP", "/app")
_make_folders, _change_folder = os.makedirs, os.chdir


def _makedirs(name: Any, mode: int = 0o777, exist_ok: bool = False) -> None:
    _make_folders(_OWN if name == "/app" else name, mode, exist_ok)


def _chdir(path: Any) -> None:
    _change_folder(_OWN if path == "/app" else path)


os.makedirs, os.chdir = _makedirs, _chdir

if sys.platform == "linux" and os.environ.get("EMULATOR_PID") == str(os.getppid()):
    _PR_SET_PDEATHSIG = 1
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
