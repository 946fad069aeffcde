"""Jobs that wait for others of their kind, so that the shards of a step become one array job."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from uuid import UUID

from slurm.submission import PreparedJob, submit_jobs
from utils.errors import JobError

_WINDOW_SECONDS = 3.0


@dataclass
class _Batch:
    jobs: dict[UUID, PreparedJob] = field(default_factory=dict)
    newest: float = 0.0


class Batches:
    """Collects jobs by step and options until a batch is complete.

    ZenML submits the shards of a step one after the other. A batch is submitted when no job has
    been added for some seconds. No thread of its own watches the time: each call of `waits` does.
    """

    def __init__(self) -> None:
        """Start without a job."""
        self._batches: dict[str, _Batch] = {}
        self._refused: dict[UUID, JobError] = {}
        self._lock = threading.Lock()

    def add(self, step_run: UUID, job: PreparedJob) -> None:
        """Add a job, which waits for others like it."""
        with self._lock:
            batch = self._batches.setdefault(_kind(job), _Batch())
            batch.jobs[step_run] = job
            batch.newest = time.monotonic()

    def drop(self, step_run: UUID) -> bool:
        """Forget a waiting job; returns whether it was waiting."""
        with self._lock:
            dropped = [batch.jobs.pop(step_run, None) for batch in self._batches.values()]
            return any(dropped)

    def waits(self, step_run: UUID) -> bool:
        """Whether a job still waits for others; submits its batch after enough seconds.

        Raises:
            JobError: If Slurm has refused the batch.
        """
        with self._lock:
            kind = next((kind for kind, it in self._batches.items() if step_run in it.jobs), None)
            if kind is not None:
                if time.monotonic() - self._batches[kind].newest < _WINDOW_SECONDS:
                    return True
                self._submit(self._batches.pop(kind))
            if step_run in self._refused:
                raise self._refused.pop(step_run)
            return False

    def _submit(self, batch: _Batch) -> None:
        try:
            submit_jobs(list(batch.jobs.values()))
        except JobError as error:
            # Always a plain JobError: its subclass for an unreachable controller means "wait on".
            self._refused.update(dict.fromkeys(batch.jobs, JobError(str(error))))


def _kind(job: PreparedJob) -> str:
    return f"{job.name.rpartition('-')[0]} {job.settings.model_dump_json()}"
