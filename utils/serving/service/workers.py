"""The worker processes of a bundle: started, asked, and started again when they end.

A worker that dies takes no answer with it: what it had in hand is asked again of its successor,
once, since a prediction changes nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from utils.errors import BundleError
from utils.serving.bundle_files import checked_card
from utils.serving.service.frames import PROTOCOL, Frame, Header, packed, receive_async

# The longest that a worker may take to verify its bundle and to find what it must.
_READY_SECONDS = 120.0
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 10.0  # seconds before a worker is started again
_ENDING_SECONDS = 5.0
_LEAST_PRIORITY = 19

logger = logging.getLogger("spyglass.service")


class ProofError(Exception):
    """A bundle does not find on its test image what it must, or is not as it was packed."""


class TooSlow(Exception):  # noqa: N818 - an event, not a mistake
    """The worker took longer than it may, and was ended."""


class WorkerLost(Exception):  # noqa: N818 - an event, not a mistake
    """The worker ended before it answered."""


@dataclass(slots=True)
class Worker:
    """One process, and the questions it has in hand.

    Attributes:
        process: The process.
        facts: Facts about its bundle, told once it has proved itself.
    """

    process: asyncio.subprocess.Process
    facts: dict[str, Any]
    _writer: asyncio.StreamWriter
    _waiting: dict[int, asyncio.Future[Frame]] = field(default_factory=dict)
    _asked: int = 0
    _reading: asyncio.Task[None] | None = None
    is_lost: bool = False

    @classmethod
    async def start(cls, bundle: Path, threads: int, *, is_idle: bool = False) -> Worker:
        """Start a worker on a bundle, and wait until it has proved itself.

        Args:
            bundle: The bundle's folder `src`.
            threads: Number of threads of its network.
            is_idle: Whether it takes only processor time that nobody else wants.

        Raises:
            ProofError: If it does not.
        """
        await check_bundle(bundle)
        ours, theirs = socket.socketpair()
        with theirs:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "utils.serving.service.worker"),
                *(str(bundle), str(theirs.fileno()), str(threads)),
                cwd=bundle,
                env=worker_environment(bundle),
                stdin=asyncio.subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
            )
        if is_idle:
            _make_idle(process.pid)
        reader, writer = await asyncio.open_unix_connection(sock=ours)
        try:
            first = await asyncio.wait_for(receive_async(reader), _READY_SECONDS)
            if first is None:
                raise ProofError("The worker ended before it had proved itself.")
            if "refused" in first[0]:
                raise ProofError(first[0]["refused"])
            if first[0].pop("protocol", None) != PROTOCOL:
                raise ProofError(
                    "The bundle was packed by another version of Spyglass. Stop the service and "
                    "start it with this bundle."
                )
        except BaseException as fault:
            writer.close()
            await _ended(process)
            if isinstance(fault, TimeoutError):
                raise ProofError(
                    f"The bundle did not prove itself within {_READY_SECONDS:.0f} s."
                ) from None
            raise
        worker = cls(process, first[0], writer)
        worker._reading = asyncio.create_task(worker._read(reader))
        return worker

    async def ask(self, question: Header) -> Frame:
        """Ask and wait for the answer.

        Raises:
            WorkerLost: If the process ends first.
        """
        if self.is_lost:
            raise WorkerLost
        self._asked += 1
        number = self._asked
        future: asyncio.Future[Frame] = asyncio.get_running_loop().create_future()
        self._waiting[number] = future
        try:
            self._writer.write(packed({**question, "number": number}))
            await self._writer.drain()
            return await future
        except ConnectionError:
            raise WorkerLost from None
        finally:
            self._waiting.pop(number, None)

    @property
    def in_hand(self) -> int:
        """The number of questions it has not answered yet."""
        return len(self._waiting)

    async def stop(self) -> None:
        """End the process, whose questions must be answered by now."""
        self._writer.close()  # it ends when its socket does
        await _ended(self.process)

    async def _read(self, reader: asyncio.StreamReader) -> None:
        while (frame := await receive_async(reader)) is not None:
            future = self._waiting.get(frame[0]["number"])
            if future is not None and not future.done():
                future.set_result(frame)
        self.is_lost = True
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(WorkerLost())


async def check_bundle(bundle: Path) -> None:
    """Make sure that a bundle is as it was packed, before any of its code is run.

    Raises:
        ProofError: If it is not.
    """
    try:
        await asyncio.to_thread(checked_card, bundle)
    except (BundleError, ValueError) as error:  # ValueError: no path can hold a zero byte
        told = str(error) if isinstance(error, BundleError) else "There is no bundle there."
        raise ProofError(told) from None


def worker_environment(bundle: Path) -> dict[str, str]:
    """The worker imports the code of its own bundle, and writes no byte code into it."""
    return os.environ | {"PYTHONPATH": str(bundle), "PYTHONDONTWRITEBYTECODE": "1"}


def _make_idle(process: int) -> None:
    """Let others have the processor first; threads that are started later take it over."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if sys.platform == "linux":
            os.sched_setscheduler(process, os.SCHED_IDLE, os.sched_param(0))
        else:
            os.setpriority(os.PRIO_PROCESS, process, _LEAST_PRIORITY)


async def _ended(process: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        try:
            await asyncio.wait_for(process.wait(), _ENDING_SECONDS)
        except TimeoutError:
            process.kill()
            await process.wait()


class WorkerPool:
    """The workers of one bundle; each that ends has a successor.

    Attributes:
        bundle: The bundle's folder `src`.
        facts: Facts about the bundle: model, version, kind, class names.
        restarts: Number of workers that ended by themselves.
        seconds: Longest time for one answer; a worker that takes longer is ended.
    """

    def __init__(
        self,
        bundle: Path,
        count: int,
        threads: int,
        seconds: float,
        *,
        is_idle: bool = False,
        attempts: int = 2,
    ) -> None:
        """Begin without workers; `start` starts them.

        Args:
            bundle: The bundle's folder `src`.
            count: Number of workers.
            threads: Number of threads of each network.
            seconds: Longest time for one answer; a worker that takes longer is ended.
            is_idle: Whether the workers take only processor time that nobody else wants.
            attempts: Number of workers that are asked at most, if each ends over a question.
        """
        self.bundle = bundle
        self.seconds, self._is_idle, self._attempts = seconds, is_idle, attempts
        self.facts: dict[str, Any] = {}
        self.restarts = 0
        self._count = count
        self._threads = threads
        self._workers: list[Worker] = []
        self._keepers: list[asyncio.Task[None]] = []
        self._in_use = 0
        self._changed = asyncio.Condition()

    async def start(self) -> None:
        """Start all workers.

        Raises:
            ProofError: If one does not prove itself; none is left running.
        """
        starting = [
            Worker.start(self.bundle, self._threads, is_idle=self._is_idle)
            for _ in range(self._count)
        ]
        started = await asyncio.gather(*starting, return_exceptions=True)
        workers = [one for one in started if isinstance(one, Worker)]
        if len(workers) < self._count:
            await asyncio.gather(*(worker.stop() for worker in workers))
            raise next(one for one in started if isinstance(one, BaseException))
        self._workers = workers
        self.facts = workers[0].facts
        self._keepers = [asyncio.create_task(self._keep(worker)) for worker in workers]

    @property
    def is_ready(self) -> bool:
        """Whether a worker can be asked now."""
        return any(not worker.is_lost for worker in self._workers)

    @property
    def processes(self) -> list[int]:
        """The ids of the processes."""
        return [worker.process.pid for worker in self._workers]

    async def ask(self, question: Header) -> Frame:
        """Ask the worker with the least in hand; if it dies, ask the next, up to `attempts`.

        Raises:
            TooSlow: If the answer takes too long.
            WorkerLost: If the last worker dies over it, too, or none comes back in time.
        """
        self._in_use += 1
        try:
            for _ in range(self._attempts - 1):
                with contextlib.suppress(WorkerLost):
                    return await self._ask(await self._least_busy(), question)
            return await self._ask(await self._least_busy(), question)
        finally:
            self._in_use -= 1
            if not self._in_use:
                await self._notify()

    async def close(self) -> None:
        """Wait for the answers that are due, then end the workers."""
        async with self._changed:
            await self._changed.wait_for(lambda: not self._in_use)
        for keeper in self._keepers:
            keeper.cancel()
        await asyncio.gather(*self._keepers, return_exceptions=True)
        await asyncio.gather(*(worker.stop() for worker in self._workers))

    async def _ask(self, worker: Worker, question: Header) -> Frame:
        try:
            return await asyncio.wait_for(worker.ask(question), self.seconds)
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                worker.process.kill()  # nothing else ends a decoder that hangs
            raise TooSlow from None

    async def _least_busy(self) -> Worker:
        def ready() -> list[Worker]:
            return [worker for worker in self._workers if not worker.is_lost]

        if not ready():
            async with self._changed:
                try:
                    await asyncio.wait_for(self._changed.wait_for(ready), _READY_SECONDS)
                except TimeoutError:
                    raise WorkerLost from None
        return min(ready(), key=lambda worker: worker.in_hand)

    async def _keep(self, worker: Worker) -> None:
        """Start a successor whenever the worker ends, after a pause that grows."""
        pause = _FIRST_PAUSE
        while True:
            code = await worker.process.wait()
            worker.is_lost = True
            self.restarts += 1
            logger.warning("A worker ended (exit code %s) and is started again.", code)
            while True:
                await asyncio.sleep(pause)
                pause = min(pause * 2, _LONGEST_PAUSE)
                try:
                    successor = await Worker.start(
                        self.bundle, self._threads, is_idle=self._is_idle
                    )
                    break
                except ProofError as error:
                    logger.warning("The worker did not start again: %s", error)
            self._workers[self._workers.index(worker)] = worker = successor
            await self._notify()

    async def _notify(self) -> None:
        async with self._changed:
            self._changed.notify_all()
