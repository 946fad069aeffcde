"""The guide to Google Cloud can be pasted, and agrees with what it configures."""

from __future__ import annotations

import json
import os
import re
import runpy
import shutil
import subprocess
import sys
from functools import reduce
from importlib import metadata
from pathlib import Path

import pytest
import yaml

from commands.arguments import parse_arguments
from commands.runs.execution import plan_runs
from commands.stacks.files import read_stack
from tests.unit.documents import GUIDE, commands_in_messages, commands_of, shell_blocks
from tests.unit.gcloud_commands import FLAGS, FOR_ALL, command_of
from utils.annotation.label_studio.installation import VERSION as LABEL_STUDIO_VERSION
from utils.paths import PROJECT_ROOT

DEPLOYMENT = PROJECT_ROOT / "deployment"
COMPOSE = (DEPLOYMENT / "compose.yaml").read_text()
VARIABLES, SETUP = shell_blocks(GUIDE)[:2]

_COMPLETIONS = (
    Path(shutil.which("gcloud") or "/").resolve().parent.parent / "data/cli/gcloud_completions.py"
)
_FROM_THE_SHELL = {"PWD"}
_USE = re.compile(r"\$\{?([A-Z][A-Z_]*)")
_DEFINITION = re.compile(r"^ *(?:export |for )?([A-Z][A-Z_]*)(?:=| in )", re.MULTILINE)


def test_every_variable_is_defined_before_it_is_used():
    defined = set(_FROM_THE_SHELL)
    for block in shell_blocks(GUIDE):
        for line in block.splitlines():
            assert set(_USE.findall(line)) - set(_DEFINITION.findall(line)) <= defined, line
            defined.update(_DEFINITION.findall(line))


@pytest.mark.parametrize(
    "calls",
    [
        pytest.param(commands_of(GUIDE, "gcloud"), id="guide"),
        pytest.param(commands_in_messages("gcloud"), id="messages"),
    ],
)
def test_every_gcloud_command_exists_with_its_flags(calls):
    assert calls
    for words in calls:
        asked_for = {word.split("=")[0] for word in words if word.startswith("--")}
        assert asked_for <= FLAGS[command_of(words)] | FOR_ALL, words


@pytest.mark.skipif(not _COMPLETIONS.is_file(), reason="gcloud is not installed")
def test_what_was_taken_down_of_gcloud_is_what_gcloud_says():
    tree = runpy.run_path(str(_COMPLETIONS))["STATIC_COMPLETION_CLI_TREE"]

    assert tree["flags"].keys() >= FOR_ALL
    for command, flags in FLAGS.items():
        if command != "config get-value":  # works, but is not offered any more
            node = reduce(lambda node, word: node["commands"][word], command.split(), tree)
            assert flags <= node["flags"].keys(), command
            assert not node.get("commands"), command


def test_the_variables_fill_in_every_placeholder_of_the_stack(tmp_path):
    stack = _filled_in(tmp_path) / "configs/stacks/vertex.yaml"

    components = {kind.value: part for kind, part in read_stack(stack).components.items()}

    assert components["orchestrator"].configuration["workload_service_account"] == (
        "spyglass-jobs@spyglass-4711.iam.gserviceaccount.com"
    )
    assert components["container_registry"].configuration["uri"] == (
        "us-central1-docker.pkg.dev/spyglass-4711/spyglass"
    )
    assert components["experiment_tracker"].configuration["tracking_uri"] == (
        "https://mlflow.192-0-2-7.sslip.io"
    )


def test_the_jobs_use_the_image_that_was_pushed(tmp_path):
    stack = _filled_in(tmp_path) / "configs/stacks/vertex.yaml"

    docker = read_stack(stack).defaults.settings["docker"]

    assert docker["parent_image"] == (
        "us-central1-docker.pkg.dev/spyglass-4711/spyglass/spyglass:0.1.0"
    )


def _filled_in(folder: Path) -> Path:
    """Run the guide's own lines on a copy of the configurations."""
    shutil.copytree(PROJECT_ROOT / "configs", folder / "configs")
    (edit,) = re.findall(r"^sed .*?[^\\]\n", SETUP, re.MULTILINE | re.DOTALL)
    variables = [line for line in VARIABLES.splitlines() if line.startswith("export ")]
    script = [*variables, "MLFLOW_HOST=mlflow.192-0-2-7.sslip.io LABEL_STUDIO_HOST=labels", edit]
    subprocess.run(["bash", "-euc", "\n".join(script)], cwd=folder, check=True)
    return folder


def test_the_password_file_holds_what_the_servers_and_the_stack_ask_for(tmp_path):
    written = _server_env(tmp_path)
    stack = (PROJECT_ROOT / "configs/stacks/vertex.yaml").read_text()

    for asked_for in (
        re.findall(r"(?<!\$)\$\{(\w+)\}", COMPOSE),
        re.findall(r"\$\{env:([A-Z]+_[A-Z_]+)\}", stack.split("# connectors:")[0]),
    ):
        assert set(asked_for) <= set(written)
    # Whoever sources it would configure the client with what is the server's.
    assert [name for name in written if name.startswith("ZENML_")] == ["ZENML_HOST"]


def test_the_password_file_is_for_its_owner_alone_and_its_hash_fits(tmp_path):
    import bcrypt

    written = _server_env(tmp_path)

    assert (tmp_path / ".local/server.env").stat().st_mode & 0o077 == 0
    assert bcrypt.checkpw(
        written["MLFLOW_TRACKING_PASSWORD"].encode(), written["MLFLOW_PASSWORD_HASH"].encode()
    )
    assert len(written["LABEL_STUDIO_API_KEY"]) == 40  # what Label Studio takes for a token


def test_the_passwords_are_made_once(tmp_path):
    assert _server_env(tmp_path) == _server_env(tmp_path)


def _server_env(folder: Path) -> dict[str, str]:
    """Run the guide's own lines that write the names and passwords, and read them back."""
    (folder / ".local").mkdir(exist_ok=True)
    part = SETUP.split("# 7.")[1].split("\n", 1)[1].split("# 8.")[0]
    gcloud = 'gcloud() { [ "$2" = addresses ] && echo 192.0.2.7 || echo someone@example.com; }'
    read_back = "set -a; source .local/server.env; env -0"
    script = f"{gcloud}\nREGION=us-central1\n{part}\n{read_back}"
    env = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    done = subprocess.run(
        ["bash", "-euc", script], cwd=folder, env=env, capture_output=True, text=True, check=True
    )
    return dict(line.split("=", 1) for line in done.stdout.split("\0") if "=" in line)


@pytest.mark.parametrize(
    ("image", "version"),
    [
        ("zenmldocker/zenml-server", metadata.version("zenml")),
        ("ghcr.io/mlflow/mlflow", f"v{metadata.version('mlflow')}"),
        ("heartexlabs/label-studio", LABEL_STUDIO_VERSION),
    ],
)
def test_the_servers_are_of_the_version_that_the_project_uses(image, version):
    assert f"image: {image}:{version}\n" in COMPOSE


def test_the_web_server_passes_on_to_servers_that_exist():
    services = yaml.safe_load(COMPOSE)["services"]
    caddyfile = (DEPLOYMENT / "Caddyfile").read_text()

    assert set(re.findall(r"reverse_proxy ([\w-]+):", caddyfile)) == {
        "zenml",
        "mlflow",
        "label-studio",
    } & set(services)
    assert set(re.findall(r"\{\$(\w+)\}", caddyfile)) == set(services["caddy"]["environment"])


@pytest.mark.slow
def test_mlflow_takes_the_options_it_is_started_with():
    from mlflow.cli import server

    command = yaml.safe_load(COMPOSE)["services"]["mlflow"]["command"].split()

    known = {name for option in server.params for name in option.opts}
    assert {word for word in command if word.startswith("--")} <= known
    assert command[:2] == ["mlflow", "server"]


def test_the_roles_in_the_table_are_the_roles_that_are_granted():
    setup_roles = set(re.findall(r"--role=(roles/[\w.]+)", SETUP))
    table = GUIDE.read_text().split("| who |")[1].split("You own the project")[0]

    assert set(re.findall(r"roles/[\w.]+", table)) == setup_roles


def test_every_kind_of_kept_work_is_removed_some_day():
    steps = "".join(file.read_text() for file in (PROJECT_ROOT / "steps").glob("*.py"))
    (rule,) = json.loads(re.findall(r"^\{.*\}$", SETUP, re.MULTILINE)[0])["rule"]
    stack = yaml.safe_load((PROJECT_ROOT / "configs/stacks/vertex.yaml").read_text())
    artifacts = stack["components"]["artifact_store"]["configuration"]["path"]

    assert set(rule["condition"]["matchesPrefix"]) == {
        f"{artifacts.removeprefix('gs://<BUCKET>/')}/{kind}/"
        for kind in re.findall(r'work_store\("(\w+)"\)', steps)
    }


def test_the_runs_of_the_guide_are_ones_that_are_planned(tmp_path):
    stack = str(_filled_in(tmp_path) / "configs/stacks/vertex.yaml")
    calls = [words for words in commands_of(GUIDE, "python run.py") if "--stack" in words]
    named = [[stack if word == "vertex" else word for word in words] for words in calls]

    planned = [run for words in named for run in plan_runs(parse_arguments(words).requests[0])]

    assert {run.command.name for run in planned} >= {"ingest", "export", "training", "inference"}
    assert {run.configuration.stack for run in planned} == {stack}


def test_every_api_that_is_checked_is_switched_on():
    checks = (PROJECT_ROOT / "commands/stacks/cloud.py").read_text()
    (enabled,) = re.findall(r"gcloud services enable (.*?[^\\])\n", SETUP, re.DOTALL)

    assert set(re.findall(r"\w+\.googleapis\.com", checks)) <= set(enabled.split())
