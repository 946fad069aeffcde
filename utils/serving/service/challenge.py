"""A challenge: a bundle that runs beside the one in service, its shares, and when it ends."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from math import floor
from pathlib import Path
from typing import Any, Self

from pydantic import Field, model_validator

from utils.options import Options

CHALLENGE_FILE = "challenge.json"


_MOST_NAMES = 5


class ChallengeLimits(Options):
    """Limits of a challenger; beyond one of them the service withdraws it by itself."""

    requests: int = Field(default=50, ge=2)
    """Minimum number of answers of both versions before their latency and their objects are
    compared."""

    errors: int = Field(default=3, ge=1)
    """Minimum number of the challenger's errors before they count."""

    error_share: float = Field(default=0.02, ge=0, lt=1)
    """Largest share of the last 500 requests in which the challenger fails and the champion
    answers."""

    slowdown: float = Field(default=2.0, gt=0)
    """Largest ratio of the 95th percentile of the challenger's latency to the champion's."""

    drift: float = Field(default=0.5, gt=0, le=1)
    """Largest Kolmogorov-Smirnov distance between the numbers of objects per image of the
    challenger and of the champion, in (0, 1]."""

    seconds: float = Field(default=30, gt=0)
    """Longest time for an answer of the challenger; after it the champion answers."""


class Challenge(Options):
    """A challenger and its part of the requests."""

    bundle: Path
    """Folder `src` of the bundle."""

    shadow: float = Field(default=0.0, ge=0, le=1)
    """Share of the requests answered by the champion that the challenger predicts, too."""

    canary: float = Field(default=0.0, ge=0, le=1)
    """Share of the requests that the challenger answers."""

    full_after: int | None = Field(default=None, ge=1)
    """Number of answers without an error after which the challenger answers all requests."""

    limits: ChallengeLimits = ChallengeLimits()
    """Limits beyond which it is withdrawn."""

    @model_validator(mode="after")
    def _has_a_share(self) -> Self:
        if not self.shadow and not self.canary:
            raise ValueError("give the challenger a share: shadow or canary, from 0 to 1")
        return self


@dataclass(slots=True)
class Turn:
    """The part of the challenger in one prediction.

    Attributes:
        canary: Whether it answers.
        shadow: Whether it predicts beside the champion.
        has_failed: Whether it refused the image, was lost or took too long, so that the champion
            decides who is at fault.
    """

    canary: bool = False
    shadow: bool = False
    has_failed: bool = False


class Turns:
    """Choose a share of the requests by their number, exactly.

    Of any run of n requests, the share s chooses n s, rounded up or down.
    """

    def __init__(self, share: float) -> None:
        """Begin with no request.

        Args:
            share: The share, from 0 to 1, taken as the decimal number that it is written as.
        """
        self._share = Fraction(str(share))
        self._seen = 0

    def next(self) -> bool:
        """Whether the next request is chosen."""
        before = floor(self._seen * self._share)
        self._seen += 1
        return floor(self._seen * self._share) > before


def unlike(champion: Mapping[str, Any], challenger: Mapping[str, Any]) -> str:
    """Say why two detectors cannot answer the same requests; empty if they can.

    Args:
        champion: Facts about the detector in service: `model`, `kind` and `class_names`; one that
            is missing is not compared.
        challenger: The same of the other.
    """
    for name, noun in (("model", "model is"), ("kind", "kind is"), ("class_names", "classes are")):
        own, other = champion.get(name), challenger.get(name)
        if own is not None and other is not None and own != other:
            return (
                f"The challenger's {noun} not the champion's: {_told(other)} against {_told(own)}. "
                "Deploy that version in its place, or serve it on its own."
            )
    return ""


def _told(value: Any) -> str:
    if not isinstance(value, list):
        return str(value)
    shown = ", ".join(value[:_MOST_NAMES])
    more = len(value) - _MOST_NAMES
    return f"{shown} and {more} more" if more > 0 else shown
