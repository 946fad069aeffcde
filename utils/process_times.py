"""The start time of a process: with the id it distinguishes the process from a later one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path


def start_time(pid: int) -> str:
    """The start time of a process as text, "" when there is none; zombies count as gone."""
    state, started = _shown_by_linux(pid) if sys.platform == "linux" else _shown_by_ps(pid)
    return "" if state.startswith("Z") else started


def _shown_by_linux(pid: int) -> tuple[str, str]:
    """State and start time in clock ticks since the boot: fields 3 and 22, see proc(5)."""
    try:
        shown = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return "", ""
    fields = shown.rpartition(")")[2].split()  # the name in brackets may hold anything
    return fields[0], fields[19]


def _shown_by_ps(pid: int) -> tuple[str, str]:
    """State and start time as a date, in the same words wherever the user is."""
    shown = subprocess.run(
        ["ps", "-o", "stat=,lstart=", "-p", str(pid)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "TZ": "UTC", "LC_ALL": "C"},
    )
    state, _, started = shown.stdout.strip().partition(" ")
    return state, started.strip()
