"""Jobs of scenes: kept in folders, worked on one after the other, continued after a kill."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import shutil
import sys
import time
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Any
from uuid import uuid4

from utils.serving.service.limits import Limits
from utils.serving.service.noting import BYTES_VARIABLE
from utils.serving.service.refusals import Refused, busy
from utils.serving.service.scene_files import (
    FAILURE,
    IMAGE,
    JOB,
    Progress,
    read_json,
    read_progress,
    write_json,
)
from utils.serving.service.workers import ProofError, check_bundle, worker_environment

_ATTEMPTS = 3  # at the same row of windows
_DONE, _FAILED = 0, 3
_RETRY_SECONDS = 60

logger = logging.getLogger("spyglass.service")


class State(StrEnum):
    """The state of a job."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_final(self) -> bool:
        """Whether nothing comes after it."""
        return self not in (State.WAITING, State.RUNNING)


@dataclass(frozen=True, slots=True)
class Job:
    """A scene to predict.

    Attributes:
        id: Its name, which nobody can guess.
        created: Time, in seconds since 1970.
        bundle: Folder `src` of the bundle, which stays the same if another is deployed.
        model: Name of the model.
        version: Version of the model.
        kind: Kind of the objects.
        options: Options of the prediction.
        source: File, or object of a bucket; empty for an upload.
        state: State.
        error: Why it failed.
    """

    id: str
    created: float
    bundle: str
    model: str
    version: str
    kind: str
    options: dict[str, Any] = field(default_factory=dict)
    source: str = ""
    state: State = State.WAITING
    error: str = ""


class Jobs:
    """All jobs of a service, in folders of `folder`."""

    def __init__(self, folder: Path, limits: Limits, threads: int) -> None:
        """Find the jobs of the service before; whatever was running waits again.

        Args:
            folder: Folder of the jobs.
            limits: Limits.
            threads: Number of threads of a network.
        """
        self.folder = folder
        self._limits = limits
        self._notes_bound = {BYTES_VARIABLE: str(limits.notes_bytes)}
        self._threads = threads
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._jobs: dict[str, Job] = {}
        self._process: asyncio.subprocess.Process | None = None
        self._running = ""
        self._changed = asyncio.Event()
        for place in folder.iterdir():
            self._find(place)

    def _find(self, place: Path) -> None:
        try:
            content = read_json(place / JOB)
            job = Job(**{**(content or {}), "state": State((content or {})["state"])})
        except (OSError, ValueError, KeyError, TypeError):
            shutil.rmtree(place, ignore_errors=True)  # an upload that never became a job
            return
        if job.state is State.RUNNING:
            job = replace(job, state=State.WAITING)
        self._jobs[job.id] = job

    @property
    def counts(self) -> dict[str, int]:
        """The number of jobs by state."""
        counts = dict.fromkeys(State, 0)
        for job in self._jobs.values():
            counts[job.state] += 1
        return {state.value: count for state, count in counts.items()}

    @property
    def all(self) -> list[Job]:
        """All jobs, oldest first."""
        return sorted(self._jobs.values(), key=lambda job: job.created)

    def job(self, name: str) -> Job:
        """The job of a name.

        Raises:
            Refused: If there is none.
        """
        if name not in self._jobs:
            raise Refused(404, "There is no such scene; its result may have been removed.")
        return self._jobs[name]

    def place(self, job: Job) -> Path:
        """The folder of a job."""
        return self.folder / job.id

    def progress(self, job: Job) -> Progress | None:
        """The progress of a job."""
        return read_progress(self.place(job))

    def waits_before(self, job: Job) -> int:
        """The number of jobs that come before a waiting one."""
        unfinished = [one for one in self.all if not one.state.is_final]
        return unfinished.index(job) if job in unfinished else 0

    def check_room(self) -> int | None:
        """The bytes that are left for a further upload, where that is limited.

        Raises:
            Refused: If too many jobs wait.
        """
        counts = self.counts
        if counts["waiting"] + counts["running"] >= self._limits.scenes_waiting:
            raise busy("Too many scenes are waiting.", _RETRY_SECONDS)
        if not self._limits.disk_bytes:
            return None
        used = sum(file.stat().st_size for file in self.folder.rglob("*") if file.is_file())
        return max(self._limits.disk_bytes - used, 0)

    def add(
        self,
        facts: dict[str, Any],
        bundle: Path,
        options: dict[str, Any],
        image: str,
        *,
        is_upload: bool,
    ) -> Job:
        """Add a job for an image; the file of an upload becomes the job's own.

        Raises:
            OSError: If the disk is full.
        """
        job = Job(
            id=uuid4().hex,
            created=time.time(),
            bundle=str(bundle),
            model=facts["model"],
            version=facts["version"],
            kind=facts["kind"],
            options=options,
            source="" if is_upload else image,
        )
        place = self.place(job)
        place.mkdir(mode=0o700)
        if is_upload:
            os.replace(image, place / IMAGE)
        self._set(job)
        self._changed.set()
        return job

    def cancel(self, job: Job) -> Job:
        """Cancel a job; what was found so far is kept."""
        if job.state.is_final:
            raise Refused(409, f"The scene is {job.state.value} already.")
        return self._end(job, State.CANCELLED)

    def remove(self, job: Job) -> None:
        """Remove a job with all its results."""
        if not job.state.is_final:
            self._end(job, State.CANCELLED)
        del self._jobs[job.id]
        shutil.rmtree(self.place(job), ignore_errors=True)

    async def work(self) -> None:
        """Work on the jobs, one after the other, until cancelled."""
        while True:
            waiting = [job for job in self.all if job.state is State.WAITING]
            if not waiting:
                self._changed.clear()
                await self._changed.wait()
                continue
            try:
                await self._predict(waiting[0])
            except OSError as error:
                logger.error("A scene cannot be predicted: %s", error)
                self._end(waiting[0], State.FAILED, "The service failed at this scene.")

    async def close(self) -> None:
        """End the worker; its job goes on with the next service."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()

    async def _predict(self, job: Job) -> None:
        job = self._set(replace(job, state=State.RUNNING))
        attempts, row = 0, -1
        while attempts < _ATTEMPTS and not self._jobs[job.id].state.is_final:
            try:
                await check_bundle(Path(job.bundle))
            except ProofError as error:
                self._end(job, State.FAILED, str(error))
                return
            code = await self._run(job)
            if self._current(job).state.is_final:
                return
            if code == _DONE:
                self._end(job, State.DONE)
                return
            if code == _FAILED:
                failure = read_json(self.place(job) / FAILURE)
                told = failure["error"] if failure else "The disk of the service is full."
                self._end(job, State.FAILED, told)
                return
            reached = getattr(self.progress(job), "rows_done", 0)
            attempts, row = (attempts + 1, row) if reached == row else (1, reached)
            logger.warning("The worker of a scene ended (exit code %s) and is started again.", code)
        self._end(job, State.FAILED, "The service failed at this scene; see its log.")

    def _current(self, job: Job) -> Job:
        return self._jobs.get(job.id, replace(job, state=State.CANCELLED))

    async def _run(self, job: Job) -> int:
        """Run a worker to its end; returns its exit code."""
        place = self.place(job)
        image = job.source or str(place / IMAGE)
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "utils.serving.service.scene_worker"),
            *(job.bundle, str(place), image),
            *(str(self._threads), str(self._limits.scene_pixels)),
            str(self._limits.scene_bytes),
            cwd=job.bundle,
            env=worker_environment(Path(job.bundle)) | self._notes_bound,
            stdin=asyncio.subprocess.DEVNULL,
        )
        self._running = job.id
        spent = getattr(self.progress(job), "seconds", 0.0)
        try:
            left = self._limits.scene_seconds - spent
            return await asyncio.wait_for(self._process.wait(), max(left, 0))
        except TimeoutError:
            seconds = self._limits.scene_seconds
            self._end(job, State.FAILED, f"The scene took longer than {seconds:g} s.")
            return await self._process.wait()
        finally:
            await self._stop_worker()
            self._running = ""

    async def _stop_worker(self) -> None:
        process, self._process = self._process, None
        if process is not None and process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    def _end(self, job: Job, state: State, error: str = "") -> Job:
        if job.id not in self._jobs:
            return job
        ended = self._set(replace(job, state=state, error=error))
        if self._running == job.id and self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
        (self.place(job) / IMAGE).unlink(missing_ok=True)
        finished = [one for one in self.all if one.state.is_final]
        for oldest in finished[: -self._limits.kept_scenes]:
            self.remove(oldest)
        return ended

    def _set(self, job: Job) -> Job:
        self._jobs[job.id] = job
        write_json(self.place(job) / JOB, asdict(job))
        return job
