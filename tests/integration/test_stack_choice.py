"""The stack of a run: named, else the user's own that is active in ZenML, else local."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from uuid import uuid4

import pytest
import yaml
from zenml.client import Client
from zenml.constants import ENV_ZENML_ACTIVE_STACK_ID

from commands.config_files import CONFIGS
from commands.requests import LOOP, RunLoop
from commands.runs.configuration import load_configuration
from commands.runs.execution import _file_of, plan_run, plan_runs
from commands.runs.settings import run_settings
from commands.stacks import files
from commands.stacks.choice import activate, chosen_stack
from pipelines.ingest import ingest_pipeline

COMMANDS = {command.name: command for command in LOOP}
PARTS = {"orchestrator": "default", "artifact_store": "default"}


@pytest.fixture(autouse=True)
def nothing_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    """No stack was chosen for this process, by the user or for a run."""
    for variable in (ENV_ZENML_ACTIVE_STACK_ID, "SPYGLASS_STACK_BEFORE"):
        monkeypatch.setenv(variable, "")
        monkeypatch.delenv(variable)


def registered(name: str) -> str:
    """Register a stack of that name as `zenml stack register` does; returns its id."""
    return str(Client().create_stack(name, components=PARTS).id)


@pytest.fixture
def own() -> str:
    """The name of a stack that the user registered and set active for this shell."""
    return f"own-{uuid4().hex[:8]}"


def test_zenmls_first_stack_is_nobodys_choice():
    choice = chosen_stack()
    assert (choice.name, choice.note) == ("local", "")


def test_the_active_stack_of_the_user_is_used_where_nothing_names_one(own, monkeypatch):
    monkeypatch.setenv(ENV_ZENML_ACTIVE_STACK_ID, registered(own))
    (planned,) = plan_runs(RunLoop((COMMANDS["ingest"],)))
    assert planned.configuration.stack == own
    assert "active" in planned.stack_note
    (named,) = plan_runs(RunLoop((COMMANDS["ingest"],), stack="local"))
    assert (named.configuration.stack, named.stack_note) == ("local", "")
    (trained,) = plan_runs(RunLoop((COMMANDS["training"],), local=True))
    assert trained.configuration.stack == "local"


def test_zenml_stack_set_counts_too(own):
    registered(own)
    before = Client().active_stack_model.name
    program = Path(sys.executable).with_name("zenml")
    try:
        subprocess.run([program, "stack", "set", own], check=True, capture_output=True)
        # A process that has not asked ZenML before, as every command is.
        told = subprocess.run(
            [sys.executable, "-c", "from commands.stacks.choice import *; print(chosen_stack())"],
            check=True,
            capture_output=True,
            text=True,
        )
    finally:
        Client().activate_stack(before)
    assert f"name='{own}'" in told.stdout


def test_what_a_run_chose_for_its_process_is_not_the_users_choice(own, monkeypatch):
    stack = registered(own)
    activate(stack)
    assert chosen_stack().name == "local"
    monkeypatch.setenv("SPYGLASS_STACK_BEFORE", stack)
    assert chosen_stack().name == own
    assert plan_run(COMMANDS["export"], CONFIGS / "data_export.yaml").configuration.stack == own


def test_a_stack_of_spyglass_that_is_active_is_named_and_not_used(monkeypatch):
    name = f"spyglass-{uuid4().hex[:8]}"
    monkeypatch.setenv(ENV_ZENML_ACTIVE_STACK_ID, registered(name))
    choice = chosen_stack()
    assert choice.name == "local"
    assert f"--stack {name}" in choice.note


def test_a_stack_that_is_gone_is_not_used(monkeypatch):
    monkeypatch.setenv(ENV_ZENML_ACTIVE_STACK_ID, str(uuid4()))
    assert chosen_stack().name == "local"


@pytest.fixture
def describe(tmp_path, monkeypatch):
    """Writes `configs/stacks/far.yaml`, which describes the stack `spyglass-far`."""
    monkeypatch.setattr(files, "CONFIGS", tmp_path)
    (tmp_path / "stacks").mkdir()

    def write(**parts: object) -> None:
        components = {kind: {"name": name} for kind, name in PARTS.items()}
        description = {"name": "spyglass-far", "components": components, **parts}
        (tmp_path / "stacks" / "far.yaml").write_text(yaml.safe_dump(description))

    return write


DEFAULTS = {"steps": {"tile_scenes": {"retry": {"max_retries": 7, "delay": 1}}}}


@pytest.mark.parametrize("name", ["far", "spyglass-far"])
def test_the_defaults_of_a_stacks_file_come_by_either_name(describe, tmp_path, name):
    describe(defaults=DEFAULTS)
    path = tmp_path / "ingest.yaml"
    path.write_text("parameters: {source: {kind: synthetic}, data_source: store}")
    configuration = load_configuration(path, ingest_pipeline.entrypoint, stack=name)
    settings = run_settings(configuration, ["tile_scenes"])
    assert settings["steps"] == DEFAULTS["steps"]


def test_a_file_that_is_not_filled_in_does_not_stop_a_stack_registered_from_another(
    describe, tmp_path, capsys
):
    describe(defaults={"settings": {"docker": {"parent_image": "<IMAGE>"}}})
    path = tmp_path / "ingest.yaml"
    path.write_text("parameters: {source: {kind: synthetic}, data_source: store}")
    configuration = load_configuration(path, ingest_pipeline.entrypoint, stack="spyglass-far")
    assert run_settings(configuration, ["tile_scenes"])["steps"] == {}
    assert "far.yaml describes 'spyglass-far' but is not filled in" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("stack", "file"),
    [
        ("spyglass-slurm", "training_pipeline_slurm.yaml"),
        ("spyglass-local", "training_pipeline.yaml"),
        ("spyglass-vertex", "training_pipeline_remote_gpu.yaml"),
    ],
)
def test_the_name_that_zenml_knows_brings_the_pipelines_file_of_the_stack(stack, file):
    assert _file_of(COMMANDS["training"], RunLoop(stack=stack)).name == file
