"""The command line says what it knows, and what was probably meant."""

from __future__ import annotations

import subprocess
import sys

import pytest

from commands.arguments import LOOP, parse_arguments


def test_flags_run_in_the_order_of_the_loop_whatever_their_order_in_the_call():
    parsed = parse_arguments(["--fiftyone", "-e", "--ingest", "-t"])

    assert [command.name for command in parsed.commands] == [
        "ingest",
        "export",
        "training",
        "fiftyone",
    ]


@pytest.mark.parametrize("command", LOOP, ids=lambda command: command.name)
def test_every_flag_has_a_short_form(command):
    assert parse_arguments([f"-{command.short}"]).commands == [command]


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(["--register-stack", "configs/stacks/vertex.yaml"], id="register"),
        pytest.param(["--check-stack", "vertex"], id="check"),
        pytest.param(["--check-stack", "vertex", "--config", "gpu.yaml"], id="check for a GPU"),
        pytest.param(["--rollback", "--config", "mine.yaml"], id="rollback of one's own model"),
        pytest.param(["--promote", "staging", "--config", "mine.yaml"], id="promotion"),
        pytest.param(["--compare", "1", "2", "--config", "mine.yaml"], id="comparison"),
    ],
)
def test_stacks_and_versions_can_be_seen_to_without_running_a_pipeline(arguments):
    assert parse_arguments(arguments).commands == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(["--ingst"], "did you mean --ingest?", id="misspelt flag"),
        pytest.param(["--yes"], "nothing to do", id="no command"),
        pytest.param(["--local", "-i"], "--local belongs to --training", id="local inference"),
        pytest.param(["--resume", "-e"], "--resume belongs to --training", id="resumed export"),
        pytest.param(["-t", "-l", "--stack", "vertex"], "contradict", id="two stacks"),
        pytest.param(["-ig", "-e", "--config", "x.yaml"], "one pipeline", id="config for two"),
        pytest.param(["--promote", "production", "--force"], "go together", id="no reason"),
        pytest.param(
            ["--promote", "staging", "--force", "--reason", "it is new"],
            "--force belongs to --promote production",
            id="forced into staging",
        ),
        pytest.param(["--rollback", "--export"], "--rollback goes alone", id="rollback and more"),
        pytest.param(["--compare", "a-run"], "needs at least two runs", id="one compared"),
        pytest.param(["--compare", *"abcdefghijklmnopqrstuvwxyzA"], "not 27", id="27 compared"),
        pytest.param(["--promote", "prod"], "invalid choice: 'prod'", id="unknown stage"),
    ],
)
def test_wrong_usage_ends_with_code_2_and_says_why(arguments, message, capsys):
    with pytest.raises(SystemExit) as exit_info:
        parse_arguments(arguments)

    assert exit_info.value.code == 2
    assert message in capsys.readouterr().err


def test_help_needs_no_heavy_library():
    check = (
        "import sys; sys.argv = ['run.py', '--help']\n"
        "import run\n"
        "try: run.main(sys.argv[1:])\n"
        "except SystemExit: pass\n"
        "print(sorted({'zenml', 'torch', 'numpy', 'pydantic'} & set(sys.modules)))"
    )

    shown = subprocess.run(
        [sys.executable, "-c", check], capture_output=True, text=True, check=True
    )

    assert shown.stdout.strip().endswith("[]")
    for group in ("the loop:", "stages:", "experiments:", "stacks:", "options:"):
        assert group in shown.stdout
