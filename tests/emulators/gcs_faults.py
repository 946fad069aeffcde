"""Faults of Google Cloud Storage, on request."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Literal

from tests.emulators.gcs_objects import StorageError

Direction = Literal["upload", "download"]
_REFUSALS = {
    401: ("authError", "Invalid Credentials"),
    403: ("forbidden", "The caller does not have access to the Google Cloud Storage bucket."),
}


class Faults:
    """The faults that coming requests will meet, each once."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._failures: list[tuple[int, re.Pattern[str]]] = []
        self._cuts: list[Direction] = []
        self._refusal: Literal[401, 403] | None = None

    def fail_next(self, status: int, times: int = 1, matching: str = "") -> None:
        """Answer the next requests with a status.

        Args:
            status: Such as 503 or 429.
            times: How many requests.
            matching: A regular expression for the begin of "METHOD path"; every request by default.
        """
        with self._lock:
            self._failures.extend([(status, re.compile(matching))] * times)

    def cut_next(self, direction: Direction, times: int = 1) -> None:
        """Break off the next uploads or downloads in the middle."""
        with self._lock:
            self._cuts.extend([direction] * times)

    @contextmanager
    def refusing(self, status: Literal[401, 403]) -> Iterator[None]:
        """Refuse every request meanwhile: credentials not accepted, or a role is missing."""
        self._refusal = status
        try:
            yield
        finally:
            self._refusal = None

    def heal(self) -> None:
        """Forget the faults that nothing has met."""
        with self._lock:
            self._failures.clear()
            self._cuts.clear()

    def meet(self, method: str, path: str) -> None:
        """Raise the fault that waits for a request, if there is one.

        Raises:
            StorageError: As asked for.
        """
        if self._refusal:
            raise StorageError(self._refusal, *_REFUSALS[self._refusal])
        with self._lock:
            for failure in self._failures:
                status, pattern = failure
                if pattern.match(f"{method} {path}"):
                    self._failures.remove(failure)
                    raise StorageError(status, "backendError", "We encountered an internal error.")

    def cuts(self, direction: Direction) -> bool:
        """Whether this transfer breaks off."""
        with self._lock:
            if direction not in self._cuts:
                return False
            self._cuts.remove(direction)
            return True
