"""Champion and challenger side by side: what each did of late, and whether one limit is passed."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from utils.monitoring.distances import ks_distance
from utils.serving.service.challenge import ChallengeLimits

_REMEMBERED = 500  # requests of each side
_PERCENTILE = 95


@dataclass(slots=True)
class Side:
    """The last requests of one version, and counts since the challenge began.

    Attributes:
        answers: Number of answers.
        errors: Number of requests in which it failed.
        in_a_row: Number of answers since its last error.
    """

    answers: int = 0
    errors: int = 0
    in_a_row: int = 0
    _failed: deque[bool] = field(default_factory=lambda: deque(maxlen=_REMEMBERED))
    _seconds: deque[float] = field(default_factory=lambda: deque(maxlen=_REMEMBERED))
    _objects: deque[int] = field(default_factory=lambda: deque(maxlen=_REMEMBERED))

    def answered(self, seconds: float, objects: int) -> None:
        """Count an answer, with its time and the number of objects in it."""
        self.answers += 1
        self.in_a_row += 1
        self._failed.append(False)
        self._seconds.append(seconds)
        self._objects.append(objects)

    def failed(self) -> None:
        """Count an error."""
        self.errors += 1
        self.in_a_row = 0
        self._failed.append(True)

    @property
    def error_share(self) -> float:
        """Share of its last requests in which it failed."""
        return sum(self._failed) / max(1, len(self._failed))

    @property
    def objects(self) -> Sequence[int]:
        """Number of objects of each of its last answers."""
        return self._objects

    @property
    def slow_seconds(self) -> float:
        """95th percentile of the time of its last answers, in seconds; 0 without any."""
        return float(np.percentile(self._seconds, _PERCENTILE)) if self._seconds else 0.0

    def figures(self) -> dict[str, Any]:
        """The figures that `GET /model` tells."""
        return {
            "answers": self.answers,
            "errors": self.errors,
            "p95_milliseconds": round(1000 * self.slow_seconds, 1),
        }


def too_many_errors(side: Side, limits: ChallengeLimits) -> str:
    """Say that a challenger fails too often; empty if it does not."""
    if side.errors < limits.errors or side.error_share <= limits.error_share:
        return ""
    return (
        f"it failed in {side.errors} requests, {side.error_share:.1%} of the last "
        f"(error_share {limits.error_share:g})"
    )


def fault_of(champion: Side, challenger: Side, limits: ChallengeLimits) -> str:
    """Say which limit a challenger has passed; empty if none.

    Args:
        champion: Answers of the champion since the challenge began.
        challenger: Answers of the challenger to clients.
        limits: The limits.
    """
    if told := too_many_errors(challenger, limits):
        return told
    if min(len(champion.objects), len(challenger.objects)) < limits.requests:
        return ""
    slowdown = challenger.slow_seconds / max(champion.slow_seconds, 1e-6)
    if slowdown > limits.slowdown:
        return (
            f"its 95th percentile of latency is {1000 * challenger.slow_seconds:.0f} ms, "
            f"{slowdown:.1f} times the champion's (slowdown {limits.slowdown:g})"
        )
    drift = ks_distance(
        np.array(champion.objects, dtype=float), np.array(challenger.objects, dtype=float)
    )
    if drift > limits.drift:
        return (
            f"its number of objects per image drifts from the champion's, on average "
            f"{np.mean(challenger.objects):.1f} against {np.mean(champion.objects):.1f}: "
            f"Kolmogorov-Smirnov distance {drift:.2f} (drift {limits.drift:g})"
        )
    return ""
