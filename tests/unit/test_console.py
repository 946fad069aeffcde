"""Lines for the terminal: at most 100 columns, with whole commands, and no secrets."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commands.console import COLUMNS, complain, say
from tests.fixtures.terminal import unfolded

WORDS = st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=30)


@pytest.mark.parametrize("write", [say, complain])
def test_long_lines_are_folded(write, capsys):
    write("  " + "word " * 60)
    lines = "".join(capsys.readouterr()).splitlines()

    assert len(lines) > 1
    assert all(len(line) <= COLUMNS for line in lines)
    assert lines[0].startswith("  word")
    assert lines[1].startswith("    word")


def test_a_command_stands_on_one_line(capsys):
    command = "python run.py --training --local --set training.epochs=3 --set training.imgsz=640"
    say(f"There is no detector in production yet. Train one with: {command}. Then promote it.")

    assert any(command in line for line in capsys.readouterr().out.splitlines())


def test_a_long_path_is_not_broken(capsys):
    path = "/folder" * 30
    say(f"The page is in {path}")

    assert path in capsys.readouterr().out.split()


@given(st.lists(WORDS, max_size=60).map(" ".join))
def test_folded_lines_come_back(text):
    from commands.console import _folded

    assert unfolded(_folded(text)) == text
