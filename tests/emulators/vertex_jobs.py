"""Vertex's custom jobs: each a process in an empty folder, as it would be in a container."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread

from google.cloud.aiplatform_v1.types import (
    AcceleratorType,
    CustomJob,
    JobState,
    Scheduling,
    WorkerPoolSpec,
)
from google.rpc import code_pb2, status_pb2

_CONTAINER = Path(__file__).parent / "container"
_POLL_SECONDS = 0.05
_RESTARTS_AFTER_PREEMPTION = 6
_NO_SUCH_PROGRAM = 127

Preemption = Callable[["RanJob"], bool]


@dataclass(eq=False)
class RanJob:
    """A custom job and what became of it.

    Attributes:
        resource: As it was submitted, with its name, state and error.
        folder: Holds the empty folders it ran in, and its log.
        machine: Variables of a job's machine beside its own environment.
        attempts: How often it was started.
    """

    resource: CustomJob
    folder: Path
    machine: Mapping[str, str]
    attempts: int = 0
    _preemptions: list[Preemption] = field(default_factory=list)
    _cancelled: Event = field(default_factory=Event)
    _ended: Event = field(default_factory=Event)

    @property
    def name(self) -> str:
        """The display name."""
        return self.resource.display_name

    @property
    def state(self) -> str:
        """Such as "SUCCEEDED"."""
        return self.resource.state.name.removeprefix("JOB_STATE_")

    @property
    def error(self) -> str:
        """Why it failed, in Vertex's words."""
        return self.resource.error.message

    @property
    def pool(self) -> WorkerPoolSpec:
        """Machine, disk and container."""
        return self.resource.job_spec.worker_pool_specs[0]

    @property
    def machine_type(self) -> str:
        """Such as "g2-standard-8"."""
        return self.pool.machine_spec.machine_type

    @property
    def accelerator(self) -> tuple[str, int]:
        """Type and count; ("", 0) without."""
        spec = self.pool.machine_spec
        if spec.accelerator_type == AcceleratorType.ACCELERATOR_TYPE_UNSPECIFIED:
            return "", 0
        return spec.accelerator_type.name, spec.accelerator_count

    @property
    def disk_gb(self) -> int:
        """Size of the boot disk."""
        return self.pool.disk_spec.boot_disk_size_gb

    @property
    def is_spot(self) -> bool:
        """Whether the machine may be taken away."""
        return self.resource.job_spec.scheduling.strategy == Scheduling.Strategy.SPOT

    @property
    def timeout_s(self) -> float:
        """How long it may run; 7 days unless told otherwise."""
        return self.resource.job_spec.scheduling.timeout.total_seconds() or 7 * 24 * 3600.0

    @property
    def labels(self) -> dict[str, str]:
        """Given by who submitted it."""
        return dict(self.resource.labels)

    @property
    def environment(self) -> dict[str, str]:
        """The container's variables, as submitted."""
        return {variable.name: variable.value for variable in self.pool.container_spec.env}

    @property
    def command(self) -> list[str]:
        """The container's command and arguments."""
        return [*self.pool.container_spec.command, *self.pool.container_spec.args]

    @property
    def log(self) -> Path:
        """All that it wrote, over all attempts."""
        return self.folder / "log.txt"

    def preempt_when(self, condition: Preemption) -> None:
        """Take the machine away once, as soon as `condition` holds."""
        self._preemptions.append(condition)

    def start(self) -> None:
        """Queue it; it runs by itself."""
        self.resource.state = JobState.JOB_STATE_QUEUED
        Thread(target=self._run, daemon=True).start()

    def cancel(self) -> None:
        """End it before its time."""
        if not self._ended.is_set():
            self.resource.state = JobState.JOB_STATE_CANCELLING
            self._cancelled.set()

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait until it has ended; returns whether it has."""
        return self._ended.wait(timeout_s)

    def end(self, state: JobState, code: int = 0, message: str = "") -> None:
        """Settle its state, with an error unless it succeeded."""
        if code:
            self.resource.error = status_pb2.Status(code=code, message=message)
        self.resource.state = state
        self._ended.set()

    def _run(self) -> None:
        self.resource.state = JobState.JOB_STATE_PENDING
        deadline = time.monotonic() + self.timeout_s
        ending: int | str = "preempted"
        while ending == "preempted" and self.attempts <= _RESTARTS_AFTER_PREEMPTION:
            ending = self._attempt(deadline)
        self.end(*self._conclusion(ending))

    def _attempt(self, deadline: float) -> int | str:
        """Run the command once; returns its exit code, or why it was ended before."""
        self.attempts += 1
        try:
            process = self._start_process()
        except OSError:
            return _NO_SUCH_PROGRAM
        self.resource.state = JobState.JOB_STATE_RUNNING
        try:
            while process.poll() is None:
                if self._cancelled.wait(_POLL_SECONDS):
                    return "cancelled"
                if time.monotonic() > deadline:
                    return "too long"
                if self._is_preempted():
                    return "preempted"
            return process.returncode
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def _conclusion(self, ending: int | str) -> tuple[JobState, int, str]:
        """State, error code and message after the last attempt."""
        failed, cancelled = JobState.JOB_STATE_FAILED, JobState.JOB_STATE_CANCELLED
        if ending == 0:
            return JobState.JOB_STATE_SUCCEEDED, 0, ""
        if ending == "cancelled":
            return cancelled, code_pb2.CANCELLED, "The job was cancelled."
        if ending == "too long":
            told = f"The job exceeded its timeout of {self.timeout_s:.0f}s."
            return cancelled, code_pb2.CANCELLED, told
        if ending == "preempted":
            return failed, code_pb2.RESOURCE_EXHAUSTED, "The job failed with a STOCKOUT error."
        told = f"The replica workerpool0-0 exited with a non-zero status of {ending}."
        return failed, code_pb2.INVALID_ARGUMENT, told

    def _start_process(self) -> subprocess.Popen[bytes]:
        machine = self.folder / f"attempt-{self.attempts}"
        app, home = machine / "app", machine / "home"
        app.mkdir(parents=True)
        home.mkdir()
        program, *arguments = self.command
        if program in {"python", "python3"}:  # the image's, which has the project's requirements
            program = sys.executable
        own = {
            "HOME": str(home),
            "EMULATED_APP": str(app),
            "EMULATOR_PID": str(os.getpid()),
            "PYTHONPATH": str(_CONTAINER),
            "CLOUD_ML_JOB_ID": self.resource.name.rpartition("/")[2],
        }
        with self.log.open("ab") as log:
            return subprocess.Popen(
                [program, *arguments],
                cwd=app,
                env={**self.machine, **own, **self.environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def _is_preempted(self) -> bool:
        if not self.is_spot:
            return False
        for condition in self._preemptions:
            if condition(self):
                self._preemptions.remove(condition)
                return True
        return False
