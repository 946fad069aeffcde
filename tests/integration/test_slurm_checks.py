"""`--check-stack` on a real cluster: what is wrong is told in a sentence with what to change."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

import pytest
import yaml

from commands.config_files import CONFIGS
from tests.fixtures.slurm import Slurm
from tests.fixtures.user import User


def checked(folder: Path, *, exit_code: int, **cluster: object) -> str:
    """Output of the check of the stack for clusters, filled in with `cluster`."""
    text = (CONFIGS / "stacks" / "slurm.yaml").read_text()
    stack = yaml.safe_load(text.replace("<SHARED_FOLDER>", str(folder / "shared")))
    stack["name"] = f"slurm-{uuid4().hex[:8]}"
    operator = stack["components"]["step_operator"]
    operator["configuration"] = {"partition": "main", "submit_host": "127.0.0.1", **cluster}
    for part in ("artifact_store", "step_operator"):
        stack["components"][part]["name"] = stack["name"]
    file = folder / "stack.yaml"
    file.write_text(yaml.safe_dump(stack))
    arguments = ("--register-stack", str(file), "--check-stack", str(file))
    return User(folder).calls(*arguments, exit_code=exit_code)


def test_a_cluster_that_can_be_used_passes_every_check(tmp_path: Path, slurm: Slurm):
    shown = checked(tmp_path, exit_code=0)
    assert shown.count("✓ job of ") == 4
    assert "has the environment, writes the shared folders and reaches ZenML's store" in shown


@pytest.mark.parametrize(
    ("cluster", "told"),
    [
        pytest.param({"partition": "gpu"}, "Correct partition; sinfo shows", id="partition"),
        pytest.param({"memory": "900G"}, "Lower memory, cpus or gpus", id="memory"),
        pytest.param({"constraint": "a100"}, "Correct constraint; sinfo -o", id="constraint"),
        pytest.param({"venv": "/none"}, "do not have the environment", id="environment"),
        pytest.param({"modules": ["none/1"]}, "correct venv, modules, setup", id="module"),
        pytest.param(
            {"submit_host": "login.invalid"},
            "does not reach ZenML's store at http://login.invalid",
            id="login node",
        ),
    ],
)
def test_what_is_wrong_is_told_with_what_to_change(tmp_path: Path, slurm: Slurm, cluster, told):
    failures = [
        line
        for line in checked(tmp_path, exit_code=1, **cluster).splitlines()
        if line.lstrip().startswith("✗")
    ]
    assert failures
    assert all(told in line for line in failures)
