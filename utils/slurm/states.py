"""The states of jobs as squeue, sacct and scontrol report them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

_FIELD = re.compile(r"(\w[\w:/]*)=(\S*)")
_WAITING = {"PENDING", "CONFIGURING", "REQUEUED", "REQUEUE_FED", "REQUEUE_HOLD", "SPECIAL_EXIT"}
_RUNNING = {"RUNNING", "COMPLETING", "SUSPENDED", "STOPPED", "SIGNALING", "STAGE_OUT", "RESIZING"}
# A node could not start the job: it waits for somebody to release it.
HELD = "launch failed requeued held"
# Our word where Slurm does not know the job any more and the job has left no exit code.
FORGOTTEN = "FORGOTTEN"
_NO_REASON = {"None", "(null)", ""}


class Phase(Enum):
    """Where a job is, as far as whoever waits for it cares."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class JobState:
    """The state of a job, as Slurm reports it.

    Attributes:
        name: In Slurm's words, such as "RUNNING" or "OUT_OF_MEMORY".
        reason: Why it waits or ended, in Slurm's words; "" where it gives none.
        node: Where it runs or ran; "" where it is not known.
        exit_code: Exit code of the script, None where it is not known.
    """

    name: str
    reason: str = ""
    node: str = ""
    exit_code: int | None = None

    @property
    def phase(self) -> Phase:
        """Where the job is."""
        if self.name in _WAITING:
            return Phase.FAILED if self.reason == HELD else Phase.WAITING
        if self.name in _RUNNING:
            return Phase.RUNNING
        return Phase.DONE if self.name == "COMPLETED" else Phase.FAILED


SQUEUE_FORMAT = "%i|%T|%r|%N"
SACCT_FORMAT = "JobID,State,NodeList,ExitCode"


def parse_squeue(shown: str) -> dict[str, JobState]:
    """The jobs by id (`12`, `12_3`) in what `squeue --noheader --format=SQUEUE_FORMAT` prints."""
    states = {}
    for line in shown.splitlines():
        job, name, reason, node = line.split("|", 3)
        states[job.strip()] = JobState(name, _reason(reason), node)
    return states


def parse_sacct(shown: str) -> dict[str, JobState]:
    """The jobs in what `sacct --parsable2 --noheader --format=SACCT_FORMAT` prints.

    Of a job that was requeued, it is the last line that counts.
    """
    states = {}
    for line in shown.splitlines():
        job, name, node, code = line.split("|", 3)
        # "CANCELLED by 1000"
        states[job] = JobState(name.split(" ")[0], "", _node(node), _exit_code(code))
    return states


def parse_scontrol(shown: str) -> JobState | None:
    """The job in what `scontrol show job --oneliner` prints, None where it shows none."""
    fields = dict(_FIELD.findall(shown))
    if "JobState" not in fields:
        return None
    return JobState(
        fields["JobState"],
        _reason(fields.get("Reason", "")),
        _node(fields.get("NodeList", "")),
        _exit_code(fields.get("ExitCode", "")),
    )


def _reason(text: str) -> str:
    return "" if text.strip() in _NO_REASON else text.strip()


def _node(text: str) -> str:
    return "" if text in {"None assigned", "(null)", "None"} else text


def _exit_code(text: str) -> int | None:
    """The first part of `code:signal`."""
    code = text.partition(":")[0]
    return int(code) if code.isdigit() else None
