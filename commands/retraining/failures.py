"""The last failure of a retraining, so that the same is not tried again at every check."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Self

from utils.files import write_whole
from utils.paths import local_folder
from utils.state_files import read_state

_FIRST_WAIT = timedelta(minutes=5)
_LONGEST_WAIT = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Failure:
    """The last failure of a model's retrainings.

    Attributes:
        attempt: Labels and configuration of the attempt: a model version that has its labels, or
            the export of reviews.
        times: Number of times in a row that the same attempt failed.
        at: Time of the last failure, as ISO 8601.
        error: Message of the last failure.
    """

    attempt: str
    times: int
    at: str
    error: str

    @property
    def next_try(self) -> datetime:
        """Time when the same may be tried again: 5 minutes later, then 10, 20, up to a day."""
        wait = _LONGEST_WAIT
        if self.times < _LONGEST_WAIT / _FIRST_WAIT:
            wait = min(wait, _FIRST_WAIT * 2 ** (self.times - 1))
        return datetime.fromisoformat(self.at) + wait

    @classmethod
    def last(cls, model: str) -> Self | None:
        """Read the last failure on this machine; None where the last retraining succeeded."""
        return read_state(_path(model), cls._of, "the retraining is tried at once")

    @classmethod
    def _of(cls, content: dict[str, Any]) -> Self:
        failure = cls(**content)
        failure.next_try  # noqa: B018 - fails if the file has no valid number or time
        return failure


def remember_failure(model: str, attempt: str, error: Exception, now: datetime) -> None:
    """Remember an attempt that failed, and how often it has."""
    last = Failure.last(model)
    times = last.times + 1 if last and last.attempt == attempt else 1
    message = " ".join(str(error).split())
    failure = Failure(attempt, times, now.isoformat(timespec="seconds"), message)
    write_whole(_path(model), json.dumps(asdict(failure)))


def forget_failure(model: str) -> None:
    """Forget the last failure, since the last retraining succeeded."""
    _path(model).unlink(missing_ok=True)


def _path(model: str) -> Path:
    # The name of a model may hold a slash or be too long for a file.
    name = hashlib.sha256(model.encode()).hexdigest()[:16]
    return local_folder("retraining") / f"{name}.json"
