"""Prefetch: prepare the next items while a device or a server works on the current ones."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

Item = TypeVar("Item")

_END: Any = object()


def prefetch(items: Iterable[Item], most: int) -> Generator[Item, None, None]:
    """Consume an iterable in a thread, so that it works while its items are used.

    Args:
        items: Items, consumed once. Its exception is raised here, after the items before it.
        most: Maximum number of items that wait to be used.

    Yields:
        The items, in order.
    """
    source = iter(items)
    thread = ThreadPoolExecutor(1, thread_name_prefix="prefetch")
    try:
        ahead: deque[Future[Item]] = deque(thread.submit(next, source, _END) for _ in range(most))
        while (item := ahead.popleft().result()) is not _END:
            ahead.append(thread.submit(next, source, _END))
            yield item
    finally:
        thread.shutdown(cancel_futures=True)
