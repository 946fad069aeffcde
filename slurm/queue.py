"""The queue, asked once for all waiting steps, and not too often."""

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
        """Ask Slurm once in `interval_s`, and for jobs that are not in its last answer."""
        self._interval_s = interval_s
        self._asked = float("-inf")
        self._jobs: dict[str, JobState] = {}
        self._missed: dict[str, int] = {}
        self._lock = threading.Lock()

    def state(self, job: str, ending: Path) -> JobState:
        """Return the state of a job.

        Args:
            job: Id of the job.
            ending: File with its exit code, for a job that Slurm has forgotten.

        Raises:
            ControllerUnreachableError: If Slurm does not answer.
        """
        with self._lock:
            # A new job is not in an older list. It is not looked up alone, because accounting may
            # know an older job of the same id, from before the ids started again.
            if job not in self._jobs or time.monotonic() - self._asked >= self._interval_s:
                self._jobs = own_jobs()
                self._asked = time.monotonic()
            found = self._jobs.get(job) or ended_job(job)
            return found or self._forgotten(job, ending)

    def _forgotten(self, job: str, ending: Path) -> JobState:
        """Return the state by the job's own files; its exit code may arrive late over NFS."""
        if ending.is_file():
            code = int(ending.read_text())
            return JobState("FAILED" if code else "COMPLETED", exit_code=code)
        self._missed[job] = self._missed.get(job, 0) + 1
        is_forgotten = self._missed[job] >= _POLLS_UNTIL_FORGOTTEN
        return JobState(FORGOTTEN if is_forgotten else "RUNNING")
