"""The promises that benchmarks measure, as numbers with a limit each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True, slots=True)
class Bar:
    """A promise: `value` is to be at most, or at least, `limit`."""

    promise: str
    value: float
    limit: float
    at_least: bool = False

    @property
    def is_met(self) -> bool:
        """Whether the value is on the right side of the limit."""
        return self.value >= self.limit if self.at_least else self.value <= self.limit


def exit_code(title: str, bars: Sequence[Bar]) -> int:
    """Print every bar and whether it is met; 0 when all are, otherwise 1."""
    table = Table("promise", "measured", "bar", "", title=title)
    for bar in bars:
        sign = ">=" if bar.at_least else "<="
        verdict = "meets" if bar.is_met else "MISSES"
        table.add_row(bar.promise, f"{bar.value:,.3f}", f"{sign} {bar.limit:,g}", verdict)
    Console(width=110).print(table)
    return 0 if all(bar.is_met for bar in bars) else 1
