"""The step operator: a step becomes a job, whose progress is reported until it ends."""

from __future__ import annotations

import atexit
import logging
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, cast
from uuid import UUID

from zenml.enums import ExecutionStatus
from zenml.models import ExceptionInfo, StepRunResponse
from zenml.orchestrators.publish_utils import publish_step_run_status_update
from zenml.step_operators import BaseStepOperator

from records import runs
from records.active_stack import artifact_store_path
from slurm.batches import Batches
from slurm.entrypoint import SlurmEntrypoint
from slurm.log import JobLog, end_of
from slurm.queue import Queue
from slurm.settings import SlurmConfig, SlurmSettings
from slurm.submission import prepare_job, remove_job, submit_jobs
from utils import interrupts
from utils.errors import JobError
from utils.slurm.commands import ControllerUnreachableError, cancel
from utils.slurm.endings import explain
from utils.slurm.script import JobFiles
from utils.slurm.states import HELD, JobState, Phase

if TYPE_CHECKING:
    from zenml.config.step_run_info import StepRunInfo

logger = logging.getLogger("slurm")

# Submitted steps that nobody has cleaned up after, with their operators.
_uncleaned: dict[UUID, SlurmStepOperator] = {}

_POLL_SECONDS = 2.0
# A busy node takes its time to end several jobs at once.
_MOST_SECONDS_TO_END = 60.0
_UNREPORTED = {
    ExecutionStatus.INITIALIZING,
    ExecutionStatus.PROVISIONING,
    ExecutionStatus.RUNNING,
}


class SlurmStepOperator(BaseStepOperator):
    """Runs steps as jobs of a Slurm cluster.

    The process that started the run waits for its jobs: it asks Slurm for their states, copies
    their output, and cancels them when it is interrupted. The job of a step writes its artifacts
    into the artifact store on the shared file system.
    """

    def __init__(self, *args: object, **kwargs: object) -> None:
        """Take the arguments that ZenML gives to components; Slurm is not asked yet."""
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        self._queue = Queue(_POLL_SECONDS)
        self._batches = Batches()
        self._logs: dict[UUID, JobLog] = {}
        self._reported: dict[UUID, str] = {}
        self._jobs: dict[UUID, str] = {}
        self._done: set[UUID] = set()
        self._unwanted: set[UUID] = set()
        self._left = ""

    @property
    def config(self) -> SlurmConfig:
        """The cluster, as the stack's file describes it."""
        return cast(SlurmConfig, self._config)

    @property
    def settings_class(self) -> type[SlurmSettings]:
        """The options of steps."""
        return SlurmSettings

    @property
    def entrypoint_config_class(self) -> type[SlurmEntrypoint]:
        """The entry point of a job."""
        return SlurmEntrypoint

    def submit(
        self, info: StepRunInfo, entrypoint_command: list[str], environment: dict[str, str]
    ) -> None:
        """Queue a step as a job.

        Args:
            info: Description of the step.
            entrypoint_command: Command that runs the step.
            environment: Environment variables from ZenML.

        Raises:
            JobError: If Slurm refuses the job.
        """
        _uncleaned[info.step_run_id] = self
        settings = cast(SlurmSettings, self.get_settings(info))
        files = self._files(info.step_run)
        job = prepare_job(info, settings, self.config, files, entrypoint_command, environment)
        if settings.array:
            self._batches.add(info.step_run_id, job)
        else:
            submit_jobs([job])
            self._jobs[info.step_run_id] = files.number.read_text()

    def get_status(self, step_run: StepRunResponse) -> ExecutionStatus:
        """Return the state of the job of a step, after its new output has been copied.

        Args:
            step_run: The step.
        """
        if not interrupts.is_interrupted():
            self._left = ""  # of a run before in this process
        try:
            if interrupts.is_interrupted():
                self.cancel(step_run)
            if self._left:
                raise JobError(self._left)
            if self._batches.waits(step_run.id):
                return ExecutionStatus.PROVISIONING
            state = self._state(step_run)
        except ControllerUnreachableError as error:
            self._report(step_run, f"{error} Jobs go on meanwhile")
            return ExecutionStatus.RUNNING
        except JobError as error:
            self._publish_failure(step_run, str(error))
            return ExecutionStatus.FAILED
        if state.phase is Phase.FAILED:
            if state.reason == HELD:
                self._take_back(step_run)
            self._publish_failure(step_run, self._explained(step_run, state))
        return _STATUS[state.phase]

    def _state(self, step_run: StepRunResponse) -> JobState:
        files = self._files(step_run)
        if not files.number.is_file():
            return JobState("CANCELLED")  # before it was submitted
        job = self._jobs[step_run.id] = files.number.read_text()
        state = self._queue.state(job, files.ending)
        self._log(step_run).copy_new_lines(is_complete=state.phase in (Phase.DONE, Phase.FAILED))
        if state.phase is Phase.DONE:
            self._done.add(step_run.id)
        self._report(step_run, f"Slurm job {job} {_sentence(state)}")
        return state

    def wait(self, step_run: StepRunResponse) -> ExecutionStatus:
        """Wait for the job of a step; an exception here cancels the job.

        Args:
            step_run: The step.
        """
        try:
            while not (status := self.get_status(step_run)).is_finished:
                time.sleep(_POLL_SECONDS)
        except BaseException:
            self.cancel(step_run)
            raise
        return status

    def cancel(self, step_run: StepRunResponse) -> None:
        """Cancel the job of a step; after Ctrl-C, print the command if Slurm does not answer.

        Args:
            step_run: The step.

        Raises:
            ControllerUnreachableError: If Slurm does not answer, and there is time to ask it again.
        """
        self._unwanted.add(step_run.id)
        if self._left:
            return
        try:
            self._take_back(step_run)
        except ControllerUnreachableError as error:
            if not interrupts.is_interrupted():
                raise
            jobs = sorted({job.partition("_")[0] for job in list(self._jobs.values())})
            self._left = f"{error} Once it does, cancel what is left with: scancel {' '.join(jobs)}"
            logger.warning(self._left)

    def _take_back(self, step_run: StepRunResponse) -> None:
        number = self._files(step_run).number
        if not self._batches.drop(step_run.id) and number.is_file():
            job = self._jobs[step_run.id] = number.read_text()
            cancel([job])

    def cleanup_step_submission(self, step_run: StepRunResponse) -> None:
        """Remove files with secrets, and the whole folder of a job that succeeded.

        Args:
            step_run: The step, which has ended.
        """
        _uncleaned.pop(step_run.id, None)
        files = self._files(step_run)
        if step_run.status is ExecutionStatus.COMPLETED:
            self._see_the_end(step_run)
        files.environment.unlink(missing_ok=True)
        self._logs.pop(step_run.id, None)
        self._jobs.pop(step_run.id, None)
        if step_run.id in self._done:
            remove_job(files)
        is_retrying, run = step_run.status is ExecutionStatus.RETRYING, step_run.pipeline_run_id
        if is_retrying and runs.has_failed_step(run):
            # ZenML begins no attempt any more, and would wait for this one's for ever.
            publish_step_run_status_update(step_run.id, ExecutionStatus.STOPPED)

    def _see_the_end(self, step_run: StepRunResponse) -> None:
        """Wait for the end of a job and its log, after the step itself has reported success."""
        deadline = time.monotonic() + _MOST_SECONDS_TO_END
        while step_run.id not in self._done and time.monotonic() < deadline:
            with suppress(ControllerUnreachableError):
                if self._state(step_run).phase is Phase.FAILED:
                    return
            time.sleep(_POLL_SECONDS / 10)

    def _files(self, step_run: StepRunResponse) -> JobFiles:
        folder = Path(self.config.folder or f"{artifact_store_path()}/slurm-jobs")
        return JobFiles(folder.expanduser().absolute() / str(step_run.id))

    def _log(self, step_run: StepRunResponse) -> JobLog:
        return self._logs.setdefault(step_run.id, JobLog(self._files(step_run).log, step_run))

    def _report(self, step_run: StepRunResponse, progress: str) -> None:
        """Print the progress of a step, if it is new."""
        if self._reported.get(step_run.id) != progress:
            self._reported[step_run.id] = progress
            logger.info("Step `%s`: %s.", step_run.name, progress.rstrip("."))

    def _explained(self, step_run: StepRunResponse, state: JobState) -> str:
        files = self._files(step_run)
        job = files.number.read_text() if files.number.is_file() else "(none)"
        settings = cast(SlurmSettings, self.get_settings(step_run))
        # Shards have names of their own, but the configuration knows the name of the step.
        return explain(job, step_run.config.name, state, settings, end_of(files.log))

    def _publish_failure(self, step_run: StepRunResponse, message: str) -> None:
        """Publish why a job ended, where the step has not published its own exception.

        A job that was cancelled here counts as stopped: after a failure, ZenML would wait for ever
        for the next attempt, which does not begin once the run ends.
        """
        if runs.step_run(step_run.id).status not in _UNREPORTED:
            return
        is_unwanted = step_run.id in self._unwanted
        publish_step_run_status_update(
            step_run.id,
            ExecutionStatus.STOPPED if is_unwanted else ExecutionStatus.FAILED,
            exception_info=ExceptionInfo(
                traceback=end_of(self._files(step_run).log) or message,
                source=f"{JobError.__module__}.{JobError.__name__}",
                message=message,
            ),
        )


@atexit.register
def clean_up_rest() -> None:
    """Clean up after steps whose run has ended before ZenML did.

    ZenML stops watching jobs when a dynamic run ends, which may be before it has seen the last of
    them end. Their files hold secrets.
    """
    for step_id, operator in list(_uncleaned.items()):
        with suppress(Exception):  # at the end of the process, the store may be gone
            operator.cleanup_step_submission(runs.step_run(step_id))


_STATUS = {
    Phase.WAITING: ExecutionStatus.PROVISIONING,
    Phase.RUNNING: ExecutionStatus.RUNNING,
    Phase.DONE: ExecutionStatus.COMPLETED,
    Phase.FAILED: ExecutionStatus.FAILED,
}


def _sentence(state: JobState) -> str:
    reason = f" ({state.reason})" if state.reason else ""
    where = f" on {state.node}" if state.node else ""
    match state.phase:
        case Phase.WAITING:
            return f"waits{reason}"
        case Phase.RUNNING:
            return f"runs{where}"
        case Phase.DONE:
            return "has finished"
    return f"ended as {state.name}{reason}"
