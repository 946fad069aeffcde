"""The challenge of a service: begun, kept over restarts, withdrawn by itself, and ended."""

from __future__ import annotations

import asyncio
import json
import logging
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from utils.errors import StoreError
from utils.files import write_whole
from utils.serving.service.challenge import CHALLENGE_FILE, Challenge, Turn, unlike
from utils.serving.service.challenger import Challenger, NoteShadow, Watchers
from utils.serving.service.frames import Frame, Header
from utils.serving.service.metrics import Metrics
from utils.serving.service.refusals import Refused
from utils.serving.service.workers import ProofError, WorkerPool

_FOLDER = "shadow"

logger = logging.getLogger("spyglass.service")


class Phase(StrEnum):
    """State of a challenge."""

    STARTING = "starting"
    RUNNING = "running"
    FULL = "full"  # it answers all requests
    WITHDRAWN = "withdrawn"  # by itself, since it passed a limit
    DROPPED = "dropped"  # it cannot go on: the service or the champion is another


@dataclass(frozen=True, slots=True)
class Noted:
    """A challenge as the state folder keeps it.

    Attributes:
        challenge: Bundle, shares and limits, as JSON holds them.
        version: Version of the challenger.
        digest: Identity of its bundle.
        phase: State.
        since: Time at which the state began, ISO 8601 in UTC.
        reason: Why it is in that state; empty where somebody asked for it.
    """

    challenge: dict[str, Any]
    version: str
    digest: str
    phase: Phase
    since: str
    reason: str = ""


class Challenges:
    """The challenge of a service; at most one at a time."""

    def __init__(
        self,
        state: Path,
        metrics: Metrics,
        note_shadow: NoteShadow,
        *,
        workers: int,
        threads: int,
        seconds: float,
    ) -> None:
        """Begin without one; `restore` brings back that of a service that has ended.

        Args:
            state: Folder of the state.
            metrics: Counters of the service.
            note_shadow: Notes an answer of the shadow.
            workers: Number of workers of the service.
            threads: Number of threads of each of their networks.
            seconds: Longest time for one answer of the service.
        """
        self._file, self._folder = state / CHALLENGE_FILE, state / _FOLDER
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for left in self._folder.iterdir():  # of a service that was killed
            left.unlink()
        self._metrics = metrics
        self._workers, self._threads, self._seconds = workers, threads, seconds
        self._running: Challenger | None = None
        self._noted: Noted | None = None
        self._ending: set[asyncio.Task[None]] = set()
        self._lock = asyncio.Lock()
        self._note_shadow = note_shadow

    @property
    def facts(self) -> dict[str, Any] | None:
        """Facts that `GET /model` tells; None without a challenge."""
        if self._noted is None:
            return None
        told = asdict(self._noted)
        told |= told.pop("challenge")
        del told["bundle"]  # a path of this machine, which clients need not know
        return told if self._running is None else told | {"figures": self._running.figures}

    @property
    def gauge(self) -> tuple[str, str] | None:
        """Version and phase of the challenger, for the metrics."""
        return None if self._noted is None else (self._noted.version, self._noted.phase.value)

    async def begin(self, challenge: Challenge, champion: dict[str, Any]) -> None:
        """Start a challenger, in place of the one before; of the same bundle only shares change.

        Args:
            challenge: Bundle, shares and limits.
            champion: Facts about the bundle in service.

        Raises:
            Refused: If it does not prove itself, or finds other objects than the champion.
        """
        async with self._lock:
            running, is_full = self._running, challenge.canary == 1
            if running is not None and _is_change(running.challenge, challenge):
                running.change(challenge, self._longest(challenge))
                running.is_full = is_full
            else:
                try:
                    pool = await self._started(challenge, champion)
                except ProofError as error:
                    raise Refused(422, str(error)) from None
                await self._stop()
                running = self._run(challenge, pool, is_full=is_full)
            self._note_running(running)

    async def restore(self, champion: dict[str, Any]) -> None:
        """Bring back the challenger of a service that has ended, or say why it cannot be."""
        async with self._lock:
            await self._restore(champion)

    async def _restore(self, champion: dict[str, Any]) -> None:
        try:
            content = json.loads(self._file.read_text())
            noted = Noted(**{**content, "phase": Phase(content["phase"])})
            challenge = Challenge.model_validate(noted.challenge)
        except FileNotFoundError:
            return
        except (ValueError, TypeError, KeyError):
            logger.warning("%s is damaged: the challenger is dropped.", self._file)
            self._file.unlink()
            return
        self._noted = noted
        if noted.phase in (Phase.WITHDRAWN, Phase.DROPPED):
            return
        self._noted = replaced(noted, Phase.STARTING)
        try:
            pool = await self._started(challenge, champion)
        except ProofError as error:
            self._note(replaced(noted, Phase.DROPPED, str(error)))
            logger.warning("The challenger, version %s, is dropped: %s", noted.version, error)
            return
        self._note_running(self._run(challenge, pool, is_full=noted.phase == Phase.FULL))
        logger.info("The challenger, version %s, goes on; its counts begin anew.", noted.version)

    async def end(self) -> dict[str, Any] | None:
        """End the challenge, if there is one; returns the facts about it."""
        async with self._lock:
            return await self._end()

    async def _end(self) -> dict[str, Any] | None:
        facts, self._noted = self.facts, None
        self._file.unlink(missing_ok=True)
        await self._stop()
        return facts

    async def champion_changed(self, champion: dict[str, Any]) -> None:
        """End a challenge that the new champion settles; another begins its counts anew."""
        async with self._lock:
            noted, running = self._noted, self._running
            if noted is not None and noted.digest == champion["digest"]:
                await self._end()
            elif running is not None and (told := _mismatch(champion, running.pool.facts)):
                self._withdraw(running, told, Phase.DROPPED)
            elif running is not None:
                running.champion_changed()

    def turn(self) -> Turn:
        """Choose the part of the challenger in the next request."""
        return Turn() if self._running is None else self._running.turn()

    async def answer(
        self, question: Header, turn: Turn, *, waits: bool = False
    ) -> tuple[dict[str, Any], Frame] | None:
        """Answer a client by the challenger; None where the champion must answer.

        Args:
            question: The question.
            turn: Its part; notes a failure.
            waits: Whether it waits where it is busy, rather than leave the image out.

        Returns:
            The facts about its bundle, and the answer.
        """
        running = self._running
        if running is None or not turn.canary:
            return None
        frame = await running.answer(question, turn, waits=waits)
        return frame and (running.pool.facts, frame)

    def champion_answered(
        self, question: Header, turn: Turn, seconds: float, counts: dict[str, int]
    ) -> None:
        """Count an answer of the champion, and have the challenger predict its image if chosen.

        Args:
            question: The champion's question.
            turn: Part of the challenger in the request.
            seconds: Time of the answer.
            counts: Number of objects in it, by class.
        """
        if self._running is not None:
            self._running.champion_answered(turn, seconds, counts)
        if self._running is not None and turn.shadow:
            self._running.shadow(question)

    async def close(self) -> None:
        """Stop the workers; the challenge stays noted for the next start."""
        await self._stop()
        if self._ending:
            await asyncio.wait(self._ending)

    async def _started(self, challenge: Challenge, champion: dict[str, Any]) -> WorkerPool:
        """Start the workers of a challenger.

        Raises:
            ProofError: If it does not prove itself, or finds other objects than the champion.
        """
        pool = WorkerPool(
            challenge.bundle,
            self._count(challenge),
            self._threads,
            self._longest(challenge),
            is_idle=not challenge.canary,
            attempts=1,
        )
        await pool.start()
        if told := _mismatch(champion, pool.facts):
            await pool.close()
            raise ProofError(told)
        return pool

    def _longest(self, challenge: Challenge) -> float:
        return min(challenge.limits.seconds, self._seconds)

    def _count(self, challenge: Challenge) -> int:
        return self._workers if challenge.canary else 1

    def _run(self, challenge: Challenge, pool: WorkerPool, *, is_full: bool) -> Challenger:
        watchers = Watchers(self._withdraw, self._fill, self._note_shadow)
        count = self._count(challenge)
        running = Challenger(challenge, pool, count, self._folder, self._metrics, watchers)
        running.is_full = is_full
        self._running = running
        return running

    def _fill(self, running: Challenger) -> None:
        if self._running is not running:  # it was ended while it answered
            return
        answers = running.challenge.full_after
        logger.info("The challenger answers all requests from now on.")
        self._note_running(running, f"{answers} answers without an error")

    def _withdraw(self, running: Challenger, reason: str, phase: Phase = Phase.WITHDRAWN) -> None:
        if self._running is not running or self._noted is None:  # somebody else has ended it
            return
        logger.warning("The challenger is %s: %s", phase.value, reason)
        self._running = None
        self._note(replaced(self._noted, phase, reason))
        task = asyncio.create_task(running.stop())
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)

    async def _stop(self) -> None:
        running, self._running = self._running, None
        if running is not None:
            await running.stop()

    def _note_running(self, running: Challenger, reason: str = "") -> None:
        facts, phase = running.pool.facts, Phase.FULL if running.is_full else Phase.RUNNING
        content = running.challenge.model_dump(mode="json")
        self._note(Noted(content, facts["version"], facts["digest"], phase, _now(), reason))

    def _note(self, noted: Noted) -> None:
        self._noted = noted
        try:
            write_whole(self._file, json.dumps(asdict(noted), indent=1))
        except (OSError, StoreError) as error:  # no reason to keep an answer back
            logger.warning("The challenge cannot be noted, so a restart forgets it: %s", error)


def replaced(noted: Noted, phase: Phase, reason: str = "") -> Noted:
    """The challenge in another phase, from now on."""
    return Noted(noted.challenge, noted.version, noted.digest, phase, _now(), reason)


def _is_change(before: Challenge, after: Challenge) -> bool:
    """Whether the same workers can go on: a canary has more of them than a shadow."""
    return before.bundle == after.bundle and bool(before.canary) == bool(after.canary)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _mismatch(champion: dict[str, Any], challenger: dict[str, Any]) -> str:
    """Say why two bundles cannot answer the same requests; empty if they can."""
    if champion["digest"] == challenger["digest"]:
        return "The challenger is the bundle that answers already: name another version."
    return unlike(champion, challenger)
