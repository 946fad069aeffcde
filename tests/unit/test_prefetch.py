"""Prefetched items come as they were, and only so many of them."""

from __future__ import annotations

from threading import Event

import pytest

from utils.prefetch import prefetch


def test_everything_comes_in_order():
    assert list(prefetch(range(100), 3)) == list(range(100))


def test_what_goes_wrong_in_reading_is_told_after_what_was_read():
    def items():
        yield 1
        yield 2
        raise KeyboardInterrupt

    ahead = prefetch(items(), 5)
    assert [next(ahead), next(ahead)] == [1, 2]
    with pytest.raises(KeyboardInterrupt):
        next(ahead)


def test_the_next_items_are_read_while_one_is_worked_on_but_not_more_than_wanted():
    read, third = [], Event()

    def items():
        for item in range(10):
            read.append(item)
            if item == 2:
                third.set()
            yield item

    ahead = prefetch(items(), 2)
    assert next(ahead) == 0
    assert third.wait(timeout=10)  # asked for when the first was handed over
    ahead.close()
    assert read == [0, 1, 2]


def test_reading_stops_when_nobody_wants_more():
    closed = Event()

    def items():
        try:
            while True:
                yield 0
        finally:
            closed.set()

    source = items()
    ahead = prefetch(source, 2)
    next(ahead)
    ahead.close()
    source.close()  # would fail if the thread were still in it
    assert closed.is_set()
