"""The report of `--check-stack`: a line for each check, also after one has failed."""

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
        """Do one check and print its finding or its fault."""
        self._count += 1
        try:
            _print(f"  ✓ {subject}: {work()}")
        except SpyglassError as error:
            self._fail(subject, str(error))
        except Exception as error:  # a check that breaks must not keep the others from running
            self._fail(subject, f"{type(error).__name__}: {' '.join(str(error).split())}")

    def skip(self, subject: str, reason: str) -> None:
        """Print that a subject is not tried, and why."""
        _print(f"  – {subject}: {reason}")

    def conclude(self, name: str) -> None:
        """Print how many checks failed.

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
        _print(f"  ✗ {subject}: {problem}")


def _print(line: str) -> None:
    """Print a line; an address that was registered without a file may have a password."""
    say(without_passwords(line))
