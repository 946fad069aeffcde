"""Long work shows how far it has come: plain lines in a log, a bar in a terminal."""

from __future__ import annotations

import io
import sys

import pytest

from utils import progress as module
from utils.progress import progress

NEVER, ALWAYS = 1e9, 0.0


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def log(monkeypatch):
    """The lines on standard error, which is no terminal."""
    stream = io.StringIO()
    monkeypatch.setattr(sys, "__stderr__", stream)
    for variable in ("FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(variable, raising=False)
    return stream


@pytest.fixture
def lines_come(monkeypatch):
    """Sets how many seconds lie between two lines."""
    return lambda seconds: monkeypatch.setattr(module, "_SECONDS_BETWEEN_LINES", seconds)


def test_quick_work_says_nothing(log, lines_come):
    lines_come(NEVER)
    with progress("Cutting tiles (scenes)", total=2) as advance:
        advance(2)

    assert log.getvalue() == ""


def test_each_line_says_what_how_far_and_since_when(log, lines_come):
    lines_come(ALWAYS)
    with progress("Cutting tiles (scenes)", total=5) as advance:
        advance(2)
        advance(3)

    assert log.getvalue().splitlines() == [
        "Cutting tiles (scenes): 2/5 after 0 s",
        "Cutting tiles (scenes): 5/5 after 0 s",
    ]


def test_the_last_line_comes_even_when_the_next_was_not_due(log, lines_come):
    lines_come(NEVER)
    with progress("Cutting tiles (scenes)") as advance:
        advance(7)
        lines_come(ALWAYS)

    assert log.getvalue() == "Cutting tiles (scenes): 7 after 0 s\n"


def test_a_failure_is_not_told_as_progress(log, lines_come):
    def fail_after_a_while():
        with progress("Cutting tiles", total=2) as advance:
            advance(1)
            lines_come(ALWAYS)
            raise ValueError("broken")

    lines_come(NEVER)
    with pytest.raises(ValueError, match="broken"):
        fail_after_a_while()

    assert log.getvalue() == ""


def test_a_terminal_gets_a_bar(monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(sys, "__stderr__", terminal)
    monkeypatch.setenv("TERM", "xterm")
    with progress("Cutting tiles (scenes)", total=5) as advance:
        advance(5)

    assert "Cutting tiles (scenes)" in terminal.getvalue()
    assert "5/5" in terminal.getvalue()
    assert "after" not in terminal.getvalue()
