"""Checks one after the other, a line for each, whatever fails."""

from __future__ import annotations

from collections.abc import Callable

from commands.console import say
from commands.stacks.files import without_passwords
from utils.errors import CloudError, SpyglassError


class Report:
    """The lines of `--check-stack`, printed as they come."""

    def __init__(self) -> None:
        """Start with none."""
        self._count = 0
        self._failed = 0

    def check(self, subject: str, work: Callable[[], str]) -> None:
        """Do one check and print what it found, or why it fails."""
        self._count += 1
        try:
            _say(f"  ✓ {subject}: {work()}")
        except SpyglassError as error:
            self._fail(subject, str(error))
        except Exception as error:  # a check that breaks must not keep the others from running
            self._fail(subject, f"{type(error).__name__}: {' '.join(str(error).split())}")

    def skip(self, subject: str, reason: str) -> None:
        """Say that something is not tried, and why."""
        _say(f"  – {subject}: {reason}")

    def conclude(self, name: str) -> None:
        """Say how many checks failed.

        Raises:
            CloudError: If any did.
        """
        if self._failed:
            raise CloudError(
                f"{self._failed} of {self._count} checks of the stack '{name}' failed. "
                "Each line with ✗ says how to mend it."
            )
        say(f"All {self._count} checks of the stack '{name}' passed.")

    def _fail(self, subject: str, problem: str) -> None:
        self._failed += 1
        _say(f"  ✗ {subject}: {problem}")


def _say(line: str) -> None:
    """Print a line; what was registered without a file may have a password in its address."""
    say(without_passwords(line))
