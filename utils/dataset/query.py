"""Questions about versions of a dataset: `reviewed>=100, boat>50, tag=gold, date>=2026-11-01`."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Self

from utils.errors import ConfigurationError
from utils.options import unknown_key

_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
    "=": operator.eq,
}
_CONDITION = re.compile(r"^(?P<key>[^<>=]+?)\s*(?P<sign>>=|<=|>|<|=)\s*(?P<value>[^<>=]+)$")
_SEPARATORS = re.compile(r"\s*,\s*|\s+and\s+")


@dataclass(frozen=True, slots=True)
class Condition:
    """One comparison.

    Attributes:
        key: Left side of the comparison: a figure, a class, `date` or `tag`.
        sign: One of `>=`, `<=`, `>`, `<`, `=`.
        value: Right side of the comparison, as written.
    """

    key: str
    sign: str
    value: str

    def holds(self, facts: Mapping[str, Any]) -> bool:
        """Whether the facts of a version fulfil it; a list does where one of its items does."""
        found = facts.get(self.key, 0)
        wanted = self._number() if isinstance(found, int | float) else self.value
        values = found if isinstance(found, list | tuple) else [found]
        return any(_COMPARE[self.sign](one, wanted) for one in values)

    def _number(self) -> float:
        try:
            return float(self.value)
        except ValueError:
            raise ConfigurationError(
                f"'{self.key}{self.sign}{self.value}': {self.key} is a number, and "
                f"'{self.value}' is none."
            ) from None


@dataclass(frozen=True, slots=True)
class Query:
    """Conditions that hold together.

    Attributes:
        conditions: All of them.
    """

    conditions: tuple[Condition, ...]

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read conditions that are separated by commas or `and`.

        Raises:
            ConfigurationError: If a part is not a condition.
        """
        parts = _SEPARATORS.split(text.strip())
        found = [(part, _CONDITION.match(part)) for part in parts]
        for part, match in found:
            if match is None:
                raise ConfigurationError(
                    f"'{part}' is no condition on a dataset. "
                    "Write it as in: reviewed>=100, ship>50, tag=gold, date>=2026-11-01"
                )
        return cls(tuple(Condition(**match.groupdict()) for _, match in found if match))

    def matches(self, facts: Mapping[str, Any]) -> bool:
        """Whether every condition holds."""
        return all(condition.holds(facts) for condition in self.conditions)

    def check_keys(self, known: set[str]) -> None:
        """Refuse a figure that no version records.

        Raises:
            ConfigurationError: With the nearest known key.
        """
        for condition in self.conditions:
            if condition.key not in known:
                raise ConfigurationError(unknown_key(condition.key, sorted(known), "condition"))
