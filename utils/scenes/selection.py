"""Selections of the scenes of a source: all, the first n, or one share of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

from pydantic import Field

from utils.options import Options

Item = TypeVar("Item")


class Selection(Options):
    """A share of the scenes of a source, by their place in its order.

    A source has the same order in every run and on every machine, so the shares of one count never
    overlap and together are the whole. Neighbours go to different shares: what is large or slow in
    a source often stands together.
    """

    limit: int | None = Field(default=None, ge=0)
    """Read the first so many scenes only; all of them by default."""

    shard: int = Field(default=0, ge=0)
    """The items whose place leaves this remainder when divided by `shards`."""

    shards: int = Field(default=1, ge=1)
    """The number of shares."""

    def of(self, items: Iterable[Item]) -> Iterator[Item]:
        """The selected among the items of a source, which stand for one scene each."""
        return islice(items, self.shard, self.limit, self.shards)

    def count_of(self, total: int) -> int:
        """How many of `total` items are selected."""
        end = total if self.limit is None else min(total, self.limit)
        return len(range(self.shard, end, self.shards))

    def ends_with(self, total: int) -> bool:
        """Whether this share reports what belongs to none of the `total` items.

        Exactly one share does, so that nothing is reported twice, and only when the whole source
        is read: what lies beyond a limit is not missing.
        """
        return self.shard == 0 and (self.limit is None or self.limit >= total)


WHOLE = Selection()
