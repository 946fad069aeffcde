"""The front: it speaks with clients, holds what they send, and lets workers predict."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from utils.monitoring.kept_pictures import Keep
from utils.serving.service.access import ADMIN_FILE, service_token, token_in
from utils.serving.service.addresses import Addresses
from utils.serving.service.challenge import Challenge, Turn
from utils.serving.service.challenges import Challenges
from utils.serving.service.frames import Frame, Header
from utils.serving.service.jobs import Jobs
from utils.serving.service.limits import Limits
from utils.serving.service.metrics import Metrics
from utils.serving.service.noting import NOTES, Noting
from utils.serving.service.refusals import Refused, busy
from utils.serving.service.task_images import TaskImages
from utils.serving.service.workers import ProofError, TooSlow, WorkerLost, WorkerPool

_QUESTIONS = 4  # of one worker at a time: while one image is computed others are decoded
_STARTING = "The service has not yet made sure that its bundle finds what it must."

logger = logging.getLogger("spyglass.service")


class Front:
    """One service.

    Attributes:
        limits: Its limits.
        metrics: Its counters.
        notes: Notes of its predictions.
        incoming: Folder of the images that are being received or predicted.
        addresses: Files that scenes may be read from.
        jobs: Scenes.
        challenges: The bundle that runs beside the one in service, if any.
        task_images: Images of Label Studio's tasks.
        is_stopping: Whether it was asked to end, so that streams break off.
        is_loopback: Whether it listens on this machine only.
        token: Token that clients show; empty if none is needed.
        admin_token: Token of its owner.
        is_refused: Whether the bundle that it was started with does not find what it must.
    """

    def __init__(
        self,
        bundle: Path,
        state: Path,
        limits: Limits,
        *,
        workers: int,
        threads: int,
        host: str,
        places: Sequence[str] = (),
        task_images: TaskImages | None = None,
        keep: Keep = "none",
    ) -> None:
        """Prepare the state folder; nothing is started.

        Args:
            bundle: Folder `src` of the bundle.
            state: Folder of the state, which only the owner may enter.
            limits: Limits.
            workers: Number of processes that predict.
            threads: Number of threads of each of their networks.
            host: Address that the service listens on.
            places: Folders and buckets whose files may be scenes.
            task_images: Images of Label Studio's tasks; by default none.
            keep: Pictures that are kept beside the notes.
        """
        self.limits = limits
        self.metrics = Metrics()
        self.notes = Noting(state / NOTES, limits, keep)
        self.state = state
        self.incoming = state / "incoming"
        self.addresses = Addresses(places)
        self.task_images = task_images or TaskImages("", "")
        self.jobs = Jobs(state / "scenes", limits, threads)
        self.challenges = Challenges(
            state,
            self.metrics,
            self._note_shadow,
            workers=workers,
            threads=threads,
            seconds=limits.answer_seconds,
        )
        self.incoming.mkdir(mode=0o700, parents=True, exist_ok=True)
        for left in self.incoming.iterdir():  # of a service that was killed
            left.unlink()
        self.is_stopping = False
        self.is_loopback = host in ("127.0.0.1", "::1", "localhost")
        self.admin_token = token_in(state / ADMIN_FILE)
        self.token = service_token(state, is_loopback=self.is_loopback)
        self._bundle = bundle
        self._count, self._threads = workers, threads
        self._pool: WorkerPool | None = None
        self._problem = _STARTING
        self.is_refused = False
        self._slots = asyncio.Semaphore(workers * _QUESTIONS)
        self._in_hand = 0
        self._switching = asyncio.Lock()
        self._draining: set[asyncio.Task[None]] = set()
        self._restarts = 0
        self._working: asyncio.Task[None] | None = None

    @property
    def pool(self) -> WorkerPool:
        """The workers that answer now.

        Raises:
            Refused: If there are none yet, or the bundle is refused.
        """
        if self._pool is None:
            raise busy(self._problem, 5, status=503)
        return self._pool

    @property
    def facts(self) -> dict[str, Any]:
        """Facts about the bundle in service; none before it has proved itself."""
        return {} if self._pool is None else self._pool.facts

    @property
    def problem(self) -> str:
        """Why the service is not ready; empty if it is."""
        if self._pool is None:
            return self._problem
        return "" if self._pool.is_ready else "The worker ended and is being started again."

    @property
    def in_hand(self) -> int:
        """The number of predictions that are not done."""
        return self._in_hand

    @property
    def restarts(self) -> int:
        """The number of workers that ended by themselves."""
        return self._restarts + (self._pool.restarts if self._pool else 0)

    async def start(self) -> None:
        """Start the workers; what keeps the bundle from service is kept for who asks."""
        try:
            self._pool = await self._started(self._bundle)
        except ProofError as error:
            self._problem, self.is_refused = str(error), True
            logger.error("%s", error)
        self._working = asyncio.create_task(self.jobs.work())
        if self._pool is not None:
            await self.challenges.restore(self._pool.facts)

    async def _started(self, bundle: Path) -> WorkerPool:
        pool = WorkerPool(bundle, self._count, self._threads, self.limits.answer_seconds)
        await pool.start()
        return pool

    async def ask(
        self, question: Header, images: int = 1, turn: Turn | None = None
    ) -> tuple[dict[str, Any], Frame]:
        """Ask a worker; returns the facts about its bundle, and the answer.

        Args:
            question: The question; its answer is noted if it has a `route`.
            images: Number of images that wait together.
            turn: Part of the challenger; by default none.

        Raises:
            Refused: If it cannot be answered.
        """
        if self._in_hand + images > self.limits.waiting:
            raise busy(
                f"As many predictions as the service takes on are waiting: {self._in_hand}.", 1
            )
        self._in_hand += 1
        try:
            answered = turn and await self._ask_challenger(question, turn)
            return answered or await self._ask_champion(question, turn)
        finally:
            self._in_hand -= 1
            self.notes.forget(question)

    async def ask_challenger_alone(
        self, questions: Sequence[Header], turns: Sequence[Turn]
    ) -> list[Frame] | None:
        """Ask the challenger about all images of a request, so that one version answers it.

        Args:
            questions: The question about each image.
            turns: Part of the challenger in each; they note its failures.

        Returns:
            The answers; None where the champion must answer all of them.
        """
        count = len(questions)
        if not all(turn.canary for turn in turns) or self._in_hand + count > self.limits.waiting:
            return None
        self._in_hand += count
        tasks = [
            asyncio.create_task(self._by_challenger(question, turn, waits=True))
            for question, turn in zip(questions, turns, strict=True)
        ]
        try:
            for done in asyncio.as_completed(tasks):
                if await done is None:
                    return None
            answered = [one for task in tasks if (one := task.result())]
            for question, (facts, frame, seconds) in zip(questions, answered, strict=True):
                self._note(question, facts, frame[0], seconds, "challenger")
            return [frame for _, frame, _ in answered]
        finally:
            for task in tasks:  # where one image is the champion's, all are
                task.cancel()
            self._in_hand -= count
            for question in questions:
                self.notes.forget(question)

    async def _ask_challenger(
        self, question: Header, turn: Turn
    ) -> tuple[dict[str, Any], Frame] | None:
        """Ask the challenger, if it is its turn; None where the champion must answer."""
        answered = await self._by_challenger(question, turn)
        if answered is None:
            return None
        facts, frame, seconds = answered
        self._note(question, facts, frame[0], seconds, "challenger")
        return facts, frame

    async def _by_challenger(
        self, question: Header, turn: Turn, *, waits: bool = False
    ) -> tuple[dict[str, Any], Frame, float] | None:
        """The facts about the challenger's bundle, its answer, and its time in seconds."""
        started = time.monotonic()
        answered = await self.challenges.answer(self.notes.asked(question), turn, waits=waits)
        return answered and (*answered, time.monotonic() - started)

    async def _ask_champion(
        self, question: Header, turn: Turn | None
    ) -> tuple[dict[str, Any], Frame]:
        started = time.monotonic()
        try:
            async with self._slots:
                pool, asked = self.pool, time.monotonic()
                header, body = await pool.ask(self.notes.asked(question))
                seconds = time.monotonic() - asked
        except TooSlow:
            limit = self.limits.answer_seconds
            raise Refused(504, f"The prediction took longer than {limit:g} s.") from None
        except WorkerLost:
            raise busy("The worker ended over this prediction; ask again.", 5, 503) from None
        if header["status"] != 200:
            raise Refused(header["status"], header["error"])
        self._note(question, pool.facts, header, time.monotonic() - started)
        if turn:
            self.challenges.champion_answered(question, turn, seconds, header["counts"])
        return pool.facts, (header, body)

    def _note(
        self,
        question: Header,
        facts: dict[str, Any],
        header: Header,
        seconds: float,
        role: str = "champion",
    ) -> None:
        """Count and note an answer; that of a shadow is noted only."""
        seen = header.get("note") or {}
        if role != "shadow":
            self.metrics.found(header["counts"])
        if route := question.get("route"):
            self.notes.answered(route, facts, seen, seconds, role)
        if question.get("route") and role != "shadow":
            self.notes.keep_picture(question, seen)
            self.metrics.noted(seen.get("windows", ()))

    def _note_shadow(
        self, question: Header, facts: dict[str, Any], header: Header, started: float
    ) -> None:
        self._note(question, facts, header, time.monotonic() - started, role="shadow")

    async def challenge(self, challenge: Challenge) -> dict[str, Any]:
        """Start a challenger beside the bundle in service, or change its shares.

        Returns:
            Facts about the challenge.

        Raises:
            Refused: If it does not prove itself, or finds other objects.
        """
        await self.challenges.begin(challenge, self.pool.facts)
        return self.challenges.facts or {}

    async def deploy(self, bundle: Path) -> dict[str, Any]:
        """Serve another bundle: start beside, prove, switch, drain, stop.

        Args:
            bundle: Folder `src` of the bundle.

        Returns:
            Facts about the bundle now in service.

        Raises:
            Refused: If it does not prove itself; the old one goes on.
        """
        if self._switching.locked():
            raise busy("Another bundle is being deployed.", 10, status=409)
        async with self._switching:
            try:
                pool = await self._started(bundle)
            except ProofError as error:
                raise Refused(422, str(error)) from None
            old, self._pool = self._pool, pool
            self._bundle = bundle
            if old is not None:
                self._restarts += old.restarts
                task = asyncio.create_task(old.close())
                self._draining.add(task)
                task.add_done_callback(self._draining.discard)
            await self.challenges.champion_changed(pool.facts)
            return pool.facts

    async def close(self) -> None:
        """Stop the workers, once they have answered."""
        if self._working is not None:
            self._working.cancel()
            await asyncio.gather(self._working, return_exceptions=True)
        await self.jobs.close()
        if self._draining:
            await asyncio.wait(self._draining)
        if self._pool is not None:
            await self._pool.close()
        await self.challenges.close()
