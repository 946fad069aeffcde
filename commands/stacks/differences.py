"""Differences between ZenML and a stack file, shown without secrets."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import SecretStr

from commands.stacks.files import has_password

HIDDEN = "(secret)"
_NOTHING = "(none)"


@dataclass(frozen=True, slots=True)
class Change:
    """A connector, component or stack, and the change that brings it in step with the file.

    Attributes:
        what: Kind and name, such as "orchestrator 'vertex'".
        missing: Whether it is not registered yet.
        differences: Old and new value by key, without secrets; empty where all is as described.
        apply: Function that registers or changes it.
    """

    what: str
    missing: bool
    differences: dict[str, tuple[str, str]]
    apply: Callable[[], None]

    def lines(self) -> list[str]:
        """Return each difference as `key: old → new`."""
        return [f"{key}: {old} → {new}" for key, (old, new) in self.differences.items()]


def differences(
    registered: Mapping[str, Any], wanted: Mapping[str, Any], sensitive: frozenset[str]
) -> dict[str, tuple[str, str]]:
    """Return old and new value of every key that differs.

    Args:
        registered: Configuration that ZenML keeps.
        wanted: Configuration in the file.
        sensitive: Keys whose values are not shown.
    """
    found = {}
    for key in sorted(registered.keys() | wanted.keys()):
        old, new = plain(registered.get(key)), plain(wanted.get(key))
        if old != new:
            hidden = key in sensitive
            found[key] = (shown(old, hidden=hidden), shown(new, hidden=hidden))
    return found


def plain(value: Any) -> Any:
    """Return a value out of its cover; never show it."""
    return value.get_secret_value() if isinstance(value, SecretStr) else value


def shown(value: Any, *, hidden: bool = False) -> str:
    """Return a value as the user may see it."""
    if value is None:
        return _NOTHING
    return HIDDEN if hidden or has_password(str(value)) else str(value)
