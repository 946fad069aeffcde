"""Parallel transfers, with a bounded number in the queue."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from threading import BoundedSemaphore
from types import TracebackType
from typing import Any, Self, TypeVar

PARALLEL_TRANSFERS = 8
# As many again wait, so that no thread idles while the caller prepares the next transfer.
_WAITING = 2 * PARALLEL_TRANSFERS
Item = TypeVar("Item")
Result = TypeVar("Result")


class Transfers:
    """Threads with a bounded queue: `submit` blocks while it is full, so memory stays bounded.

    It is a context manager: leaving the block waits for running transfers, and an error drops those
    that have not begun.
    """

    def __init__(self) -> None:
        """Create the threads, which start with the first transfer."""
        self._threads = ThreadPoolExecutor(PARALLEL_TRANSFERS, thread_name_prefix="transfer")
        self._places = BoundedSemaphore(_WAITING)

    def submit(self, work: Callable[..., Result], *arguments: Any) -> Future[Result]:
        """Queue a call of `work`; blocks while the queue is full."""
        self._places.acquire()
        future = self._threads.submit(work, *arguments)
        future.add_done_callback(lambda _: self._places.release())
        return future

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Wait for the running transfers."""
        self._threads.shutdown(wait=True, cancel_futures=kind is not None)


def in_parallel(work: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    """Yield `work(item)` in the order of the items, several at a time and few ahead."""
    with Transfers() as transfers:
        ahead: deque[Future[Result]] = deque()
        for item in items:
            ahead.append(transfers.submit(work, item))
            if len(ahead) >= _WAITING:
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()
