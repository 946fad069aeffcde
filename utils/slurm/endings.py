"""Why a job ended otherwise than well, in a sentence with what to change."""

from __future__ import annotations

import re

from utils.slurm.options import JobOptions
from utils.slurm.states import FORGOTTEN, HELD, JobState

# If Slurm samples the memory, it reports a failed job, and only the log says why.
_OUT_OF_MEMORY = re.compile(r"exceeded (job |step )?memory limit|oom[-_ ]kill|out of memory", re.I)


def explain(job: str, step: str, state: JobState, options: JobOptions, log: str) -> str:
    """The sentence for the user.

    Args:
        job: Its id.
        step: The step that it ran.
        state: Its last one.
        options: Options that the job asked for.
        log: The end of what it printed.
    """
    what = f"The Slurm job {job} of step '{step}'"
    key = f"settings.step_operator of step '{step}'"
    if state.name == "OUT_OF_MEMORY" or (state.name == "FAILED" and _OUT_OF_MEMORY.search(log)):
        had = f" ({options.memory})" if options.memory else ""
        return (
            f"{what} ran out of memory{had}. Raise memory in {key}, or lower what the step needs."
        )
    if state.reason == HELD:
        return f"{what} could not be started by its node. Run it again; tell the cluster's admins."
    if state.name == FORGOTTEN:
        return (
            f"{what} left no result, and Slurm does not remember it. Run it again to go on. "
            f"Its last words: {last_line(log) or 'none'}"
        )
    match state.name:
        case "TIMEOUT" | "DEADLINE":
            had = f" ({options.time})" if options.time else ""
            return f"{what} ran out of time{had}. Raise time in {key}; run it again to go on."
        case "NODE_FAIL" | "BOOT_FAIL" | "LAUNCH_FAILED":
            where = f" ({state.node})" if state.node else ""
            return f"{what} ended because its node failed{where}. Run it again to go on."
        case "PREEMPTED" | "REVOKED":
            return (
                f"{what} had to make room for another job and was not queued again. Run it again "
                f"to go on, or choose another partition or qos in {key}."
            )
        case "CANCELLED":
            return f"{what} was cancelled. Run it again to go on."
    return f"{what} {_ended(state)}: {last_line(log) or 'it printed nothing'}"


def last_line(log: str) -> str:
    """The last line with something in it."""
    return next((line.strip() for line in reversed(log.splitlines()) if line.strip()), "")


def _ended(state: JobState) -> str:
    reason = f", {state.reason}" if state.reason else ""
    if state.exit_code:
        return f"failed with exit code {state.exit_code}{reason}"
    return f"ended as {state.name}{reason}"
