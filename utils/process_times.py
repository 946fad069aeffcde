"""Start times of processes: with its id, the only thing that tells a process from a later one."""

from __future__ import annotations

import sys
from pathlib import Path

import psutil


def start_time(pid: int) -> str:
    """The start time of a process as text, "" if there is none; zombies count as gone."""
    return _from_proc(pid) if sys.platform == "linux" else _from_psutil(pid)


def _from_proc(pid: int) -> str:
    """The start time in clock ticks since the boot: field 22 of proc(5), after the state.

    psutil adds the time of the boot, which Linux computes anew whenever its clock is set: a server
    would be taken for another process after that.
    """
    try:
        shown = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return ""
    fields = shown.rpartition(")")[2].split()  # the name in brackets may hold anything
    return "" if fields[0] == "Z" else fields[19]


def _from_psutil(pid: int) -> str:
    """The start time in seconds since 1970, which macOS keeps as it was at the start."""
    try:
        process = psutil.Process(pid)
        is_gone = process.status() == psutil.STATUS_ZOMBIE
        return "" if is_gone else f"{process.create_time():.6f}"
    except psutil.NoSuchProcess:
        return ""
