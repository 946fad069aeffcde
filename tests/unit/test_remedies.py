"""Every command that the program names can be typed as it stands."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator

import pytest

from commands.arguments import parse_arguments
from tests.conftest import PROJECT_ROOT

ROOMS = ("commands", "materializers", "records", "slurm", "steps", "utils")
_COMMAND = re.compile(r"python run\.py ((?:[^\"'`;\n{]|\"[^\"\n]*\"(?='))*)(\{?)")
_PLACEHOLDER = re.compile(r"<[^<>]*>")


def commands() -> Iterator[str]:
    """The commands in messages, without those that are put together when they are shown."""
    for room in ROOMS:
        for file in sorted((PROJECT_ROOT / room).rglob("*.py")):
            for text, goes_on in _COMMAND.findall(file.read_text()):
                whole = _PLACEHOLDER.sub("X", text).split("  ")[0].split(". ")[0].split(", ")[0]
                command = whole.strip().removesuffix("\\n").rstrip(".")
                if command.startswith("-") and command != "--help" and not goes_on:
                    yield command


@pytest.mark.parametrize("command", sorted(set(commands())))
def test_a_command_in_a_message_is_one(command):
    assert parse_arguments(shlex.split(command)).requests


@pytest.mark.parametrize("command", sorted(set(commands())))
def test_a_training_in_a_message_says_where_it_runs(command):
    """Without a place it would be Vertex AI, which most users do not have."""
    assert "--training" not in command or "--local" in command or "--stack" in command
