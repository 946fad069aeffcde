"""The command line says what it knows, and what was probably meant."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from commands.arguments import parse_arguments
from commands.requests import (
    LOOP,
    REGISTRATION,
    CheckStack,
    CommandLine,
    CompareTrainings,
    Deploy,
    InspectSource,
    NewProject,
    Promote,
    RegisterStack,
    Retrain,
    RollBack,
    RunLoop,
    ShowDatasets,
    ShowStatus,
    Undeploy,
    Watch,
)


def test_flags_run_in_the_order_of_the_loop_whatever_their_order_in_the_call():
    (loop,) = parse_arguments(["--fiftyone", "-e", "--ingest", "-t"]).requests

    assert [command.name for command in loop.commands] == [
        "ingest",
        "export",
        "training",
        "fiftyone",
    ]


@pytest.mark.parametrize("command", LOOP, ids=lambda command: command.name)
def test_every_flag_has_a_short_form(command):
    assert parse_arguments([f"-{command.short}"]).requests == (RunLoop((command,)),)


MINE = Path("mine.yaml")


@pytest.mark.parametrize(
    ("arguments", "request_made"),
    [
        pytest.param(["--register-stack", "mine.yaml", "-y"], RegisterStack(MINE, yes=True)),
        pytest.param(["--check-stack", "vertex"], CheckStack("vertex")),
        pytest.param(
            ["--check-stack", "vertex", "--config", "mine.yaml"], CheckStack("vertex", MINE)
        ),
        pytest.param(["--rollback", "--config", "mine.yaml"], RollBack(MINE)),
        pytest.param(["--deploy", "--config", "mine.yaml", "-y"], Deploy(MINE, yes=True)),
        pytest.param(["--undeploy"], Undeploy()),
        pytest.param(["--status", "--set", "model.name=a"], ShowStatus(None, ("model.name=a",))),
        pytest.param(["--datasets"], ShowDatasets()),
        pytest.param(["--datasets", "7", "--tag", "gold"], ShowDatasets(("7",), "gold")),
        pytest.param(
            ["--promote", "staging", "--config", "mine.yaml"],
            RunLoop(promote=Promote("staging"), config=MINE),
        ),
        pytest.param(
            ["--promote", "production", "--force", "--reason", "it is new"],
            RunLoop(promote=Promote("production", "it is new")),
        ),
        pytest.param(
            ["--compare", "1", "2", "--config", "mine.yaml"], CompareTrainings(("1", "2"), MINE)
        ),
        pytest.param(["--inspect", "DIR", "--set", "a=1"], InspectSource("DIR", ("a=1",))),
        pytest.param(["--retrain-if-due", "-y"], Retrain(yes=True)),
        pytest.param(["--watch", "--config", "mine.yaml"], Watch(Retrain(MINE))),
        pytest.param(["--inspect"], InspectSource()),
        pytest.param(["--new-project", "cells", "-y"], NewProject("cells", yes=True)),
        pytest.param(["--rollback", "--set", "model.name=x"], RollBack(None, ("model.name=x",))),
        pytest.param(
            ["--register-model", "a: b.pt", "--set", "x=1", "--config", "mine.yaml"],
            RunLoop((REGISTRATION,), config=MINE, overrides=("x=1", 'registration.file="a: b.pt"')),
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_each_command_is_made_from_its_flags(arguments, request_made):
    assert parse_arguments(arguments) == CommandLine((request_made,))


def test_commands_that_run_no_pipeline_come_before_those_that_do():
    asked = parse_arguments(["--export", "--datasets", "--check-stack", "vertex", "--verbose"])
    assert [type(request) for request in asked.requests] == [CheckStack, ShowDatasets, RunLoop]
    assert asked.verbose


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(["--ingst"], "did you mean --ingest?", id="misspelt flag"),
        pytest.param(["--deplou"], "did you mean --deploy?", id="misspelt deployment"),
        pytest.param(["--deploy", "--undeploy"], "contradict", id="two deployments"),
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


def test_the_project_goes_with_every_request():
    for flags in (["--ingest"], ["--watch"], ["--datasets"], ["--promote", "staging"]):
        assert parse_arguments([*flags, "--project", "cells"]).project == "cells"


@pytest.mark.parametrize(
    "flags", [["--ingest"], ["--promote", "staging"], ["--inspect"], ["--project", "other"]]
)
def test_a_new_project_goes_alone(flags, capsys):
    with pytest.raises(SystemExit):
        parse_arguments(["--new-project", "cells", *flags])
    assert "goes alone" in capsys.readouterr().err
