"""A challenger that runs beside the champion: its part of the requests.

It never costs an answer: where it fails, is slow or is busy, the champion answers.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from utils.serving.service.challenge import Challenge, Turn, Turns
from utils.serving.service.frames import Frame, Header
from utils.serving.service.metrics import Metrics
from utils.serving.service.side_by_side import Side, fault_of, too_many_errors
from utils.serving.service.workers import TooSlow, WorkerLost, WorkerPool

_OK = 200
_WAITING = 32  # shadowed images that wait; further ones are left out, and counted
_QUESTIONS = 4  # of one worker at a time, as the front asks its own

logger = logging.getLogger("spyglass.service")

# Called with each answer of the shadow: question, facts of its bundle, answer, and its beginning
# by the monotonic clock.
NoteShadow = Callable[[Header, dict[str, Any], Header, float], None]


@dataclass(slots=True)
class Watchers:
    """Functions that a challenger calls.

    Attributes:
        withdraw: Called with the reason, once a limit is passed.
        fill: Called once it may answer all requests.
        note: Notes an answer of the shadow.
    """

    withdraw: Callable[[Challenger, str], None]
    fill: Callable[[Challenger], None]
    note: NoteShadow


class Challenger:
    """A challenger that runs.

    Attributes:
        challenge: Its shares and limits.
        pool: Its workers.
        is_full: Whether it answers all requests.
        left_out: Number of requests in which it was too busy for its part.
    """

    def __init__(
        self,
        challenge: Challenge,
        pool: WorkerPool,
        workers: int,
        folder: Path,
        metrics: Metrics,
        watchers: Watchers,
    ) -> None:
        """Begin with no request.

        Args:
            challenge: Shares and limits.
            pool: Its workers, started.
            workers: Number of its workers.
            folder: Folder for images that wait for the shadow.
            metrics: Counters of the service.
            watchers: Functions to call.
        """
        self.challenge, self.pool = challenge, pool
        self.is_full = False
        self.left_out = 0
        self._folder, self._metrics, self._watchers = folder, metrics, watchers
        self._slots = asyncio.Semaphore(workers * _QUESTIONS)
        self._waiting: asyncio.Queue[Header] = asyncio.Queue(_WAITING)
        self._numbers = itertools.count()
        self._is_over = False
        self._begin_counts()
        self._shadowing = [asyncio.create_task(self._predict_shadows()) for _ in range(workers)]

    def _begin_counts(self) -> None:
        self._canary, self._shadow = Turns(self.challenge.canary), Turns(self.challenge.shadow)
        self._sides = {"champion": Side(), "canary": Side(), "shadow": Side()}

    def change(self, challenge: Challenge, seconds: float) -> None:
        """Take other shares and limits; the counts go on.

        Args:
            challenge: Shares and limits.
            seconds: Longest time for an answer.
        """
        self.challenge, self.pool.seconds = challenge, seconds
        self._canary, self._shadow = Turns(challenge.canary), Turns(challenge.shadow)

    def champion_changed(self) -> None:
        """Begin the counts anew."""
        self._begin_counts()

    @property
    def figures(self) -> dict[str, Any]:
        """The figures that `GET /model` tells."""
        return {
            **{name: side.figures() for name, side in self._sides.items()},
            "left_out": self.left_out,
        }

    def turn(self) -> Turn:
        """Choose its part in the next request, by number."""
        if self.is_full or self._canary.next():
            return Turn(canary=True)
        return Turn(shadow=self._shadow.next())

    async def answer(self, question: Header, turn: Turn, *, waits: bool = False) -> Frame | None:
        """Answer a client; None where the champion must answer.

        Args:
            question: The question.
            turn: Its part; notes a failure.
            waits: Whether it waits where it is busy, rather than leave the image out.
        """
        if self._slots.locked() and not waits:
            self._leave_out("canary")
            return None
        async with self._slots:
            if self._is_over:
                return None
            started = time.monotonic()
            frame = await self._asked(question)
            seconds = time.monotonic() - started
        turn.has_failed = frame is None or frame[0]["status"] != _OK
        if frame is None or turn.has_failed:
            return None
        self._answered("canary", frame[0], seconds)
        self._judge()
        return frame

    def champion_answered(self, turn: Turn, seconds: float, counts: dict[str, int]) -> None:
        """Count an answer of the champion beside it.

        Args:
            turn: Its part in the request.
            seconds: Time of the champion's answer.
            counts: Number of objects in it, by class.
        """
        self._sides["champion"].answered(seconds, sum(counts.values()))
        if turn.has_failed:  # over an image that the champion can answer
            self._failed("canary")

    def shadow(self, question: Header) -> None:
        """Predict an image that the champion has answered, some time later.

        Args:
            question: The champion's question; its image stays until the shadow is done.
        """
        if self._is_over or self._waiting.full():
            self._leave_out("shadow")
            return
        image = Path(question["file"])
        kept = self._folder / f"{next(self._numbers)}{image.suffix}"
        try:
            os.link(image, kept)
        except OSError:  # such as a full disk, which is no reason to keep an answer back
            self._leave_out("shadow")
            return
        self._waiting.put_nowait({**question, "file": str(kept)})

    async def stop(self) -> None:
        """Stop the workers, once they have answered; images that wait are left out."""
        self._is_over = True
        for task in self._shadowing:
            task.cancel()
        await asyncio.gather(*self._shadowing, return_exceptions=True)
        while not self._waiting.empty():
            Path(self._waiting.get_nowait()["file"]).unlink(missing_ok=True)
        await self.pool.close()

    async def _predict_shadows(self) -> None:
        while True:
            question = await self._waiting.get()
            started = time.monotonic()
            try:
                frame = await self._asked(question)
                seconds = time.monotonic() - started
                if frame is None or frame[0]["status"] != _OK:
                    self._failed("shadow")
                    continue
                self._answered("shadow", frame[0], seconds)
                self._watchers.note(question, self.pool.facts, frame[0], started)
            except Exception:  # the next image may fare better
                logger.exception("An image was not predicted by the challenger.")
            finally:
                Path(question["file"]).unlink(missing_ok=True)

    async def _asked(self, question: Header) -> Frame | None:
        """The answer of its workers; None where they have none in time."""
        if not self.pool.is_ready:
            return None
        try:
            return await self.pool.ask(question)
        except (TooSlow, WorkerLost):
            return None

    def _answered(self, part: str, header: Header, seconds: float) -> None:
        self._sides[part].answered(seconds, sum(header["counts"].values()))
        self._metrics.challenged(part, "answered")

    def _failed(self, part: str) -> None:
        self._sides[part].failed()
        self._metrics.challenged(part, "failed")
        self._judge()

    def _leave_out(self, part: str) -> None:
        self.left_out += 1
        self._metrics.challenged(part, "left out")

    def _judge(self) -> None:
        """Have it withdrawn if it has passed a limit; give it all requests if it may."""
        if self._is_over:
            return
        limits, canary = self.challenge.limits, self._sides["canary"]
        fault = fault_of(self._sides["champion"], canary, limits)
        fault = fault or too_many_errors(self._sides["shadow"], limits)
        wanted = self.challenge.full_after
        if fault:
            self._is_over = True
            self._watchers.withdraw(self, fault)
        elif wanted and not self.is_full and canary.in_a_row >= wanted:
            self.is_full = True
            self._watchers.fill(self)
