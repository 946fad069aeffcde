"""The queue as several who wait see it: asked once for all of them, and not too often."""

from __future__ import annotations

import threading
import time
from pathlib import Path

from utils.slurm.commands import ended_job, own_jobs
from utils.slurm.states import FORGOTTEN, JobState

_POLLS_UNTIL_FORGOTTEN = 3


class Queue:
    """The states of the user's jobs."""

    def __init__(self, interval_s: float) -> None:
        """Ask Slurm once in `interval_s`, and for jobs that it has not told of yet."""
        self._interval_s = interval_s
        self._asked = float("-inf")
        self._jobs: dict[str, JobState] = {}
        self._missed: dict[str, int] = {}
        self._lock = threading.Lock()

    def state(self, job: str, ending: Path) -> JobState:
        """The state of a job.

        Args:
            job: Its id.
            ending: The file with its exit code, for where Slurm has forgotten it.

        Raises:
            ControllerUnreachableError: If Slurm does not answer.
        """
        with self._lock:
            # One that has just been submitted is not in a list made before. It is not looked up
            # alone: accounting may know an older job of the same id, of before the ids began again.
            if job not in self._jobs or time.monotonic() - self._asked >= self._interval_s:
                self._jobs = own_jobs()
                self._asked = time.monotonic()
            found = self._jobs.get(job) or ended_job(job)
            return found or self._forgotten(job, ending)

    def _forgotten(self, job: str, ending: Path) -> JobState:
        """What the job itself has left; where files of nodes come late, its exit code may too."""
        if ending.is_file():
            code = int(ending.read_text())
            return JobState("FAILED" if code else "COMPLETED", exit_code=code)
        self._missed[job] = self._missed.get(job, 0) + 1
        is_forgotten = self._missed[job] >= _POLLS_UNTIL_FORGOTTEN
        return JobState(FORGOTTEN if is_forgotten else "RUNNING")
