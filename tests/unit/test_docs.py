"""Commands and files that the documentation names exist."""

from __future__ import annotations

import re
import subprocess

import click
import pytest
from zenml.cli.cli import cli

from commands.arguments import parse_arguments
from tests.unit.documents import DOCUMENTS, code_spans, commands_of, shell_blocks
from utils.paths import PROJECT_ROOT

_PATH = re.compile(
    r"(?:configs|commands|deployment|docs|pipelines|steps|utils)/[\w./-]*\w|Dockerfile"
)

every_document = pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)


@every_document
def test_every_shell_block_is_valid_bash(document):
    for block in shell_blocks(document):
        checked = subprocess.run(["bash", "-n"], input=block, capture_output=True, text=True)

        assert (checked.returncode, checked.stderr) == (0, ""), block


@every_document
def test_every_call_of_run_py_is_understood(document):
    for words in commands_of(document, "python run.py"):
        parse_arguments(words)


def test_calls_of_run_py_are_found_where_they_are():
    calls = [words for document in DOCUMENTS for words in commands_of(document, "python run.py")]

    assert ["--training", "--stack", "vertex"] in calls
    assert ["--export", "--promote", "staging"] in calls


@every_document
def test_every_make_target_exists(document):
    makefile = (PROJECT_ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))

    asked_for = {words[0] for words in commands_of(document, "make") if words}

    assert asked_for <= targets


@every_document
def test_every_zenml_command_exists_with_its_options(document):
    for words in commands_of(document, "zenml"):
        command, rest = _zenml_command(words)
        if not command.context_settings.get("ignore_unknown_options"):
            known = {name for option in command.params for name in (*option.opts, "--help")}
            asked_for = {word.split("=")[0] for word in rest if word.startswith("-")}
            assert asked_for <= known, words


def _zenml_command(words: list[str]) -> tuple[click.Command, list[str]]:
    command: click.Command = cli
    while isinstance(command, click.Group):
        assert words, f"zenml {command.name} wants a command"
        assert words[0] in command.commands, words
        command, words = command.commands[words[0]], words[1:]
    return command, words


@every_document
def test_every_file_of_the_project_that_is_named_exists(document):
    links = re.findall(r"\]\((?!http)([^)#]+)", document.read_text())
    named = [span for span in code_spans(document) if _PATH.fullmatch(span)]

    missing = [link for link in links if not (document.parent / link).exists()]
    missing += [name for name in named if not (PROJECT_ROOT / name).exists()]

    assert missing == []


@every_document
def test_every_link_to_a_heading_finds_it(document):
    headings = re.findall(r"^#+ (.+)$", document.read_text(), re.MULTILINE)
    anchors = {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}

    assert set(re.findall(r"\]\(#([^)]+)\)", document.read_text())) <= anchors
