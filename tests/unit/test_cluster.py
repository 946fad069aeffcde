"""Checks before steps become jobs of a cluster."""

from __future__ import annotations

from pathlib import Path

import pytest

from commands.config_files import CONFIGS
from commands.requests import LOOP, RunLoop
from commands.runs.cluster import prepare_for_jobs
from commands.runs.configuration import RunConfiguration
from commands.runs.execution import _file_of
from commands.stacks.files import read_stack
from utils.errors import ConfigurationError
from utils.scenes.options import HuggingFaceSource

TRAINING = next(command for command in LOOP if command.name == "training")


def prepared(settings: dict, **parameters: object) -> None:
    step = {"step_operator": True, "settings": {"step_operator": settings}}
    steps = {"tile_scenes": step}
    prepare_for_jobs(RunConfiguration(Path("own.yaml"), "slurm", parameters, {"steps": steps}))


@pytest.fixture
def on_login_node(tmp_path, monkeypatch):
    (tmp_path / "sbatch").touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")


def test_what_cannot_be_asked_for_is_told_with_its_place():
    with pytest.raises(
        ConfigurationError, match=r"own\.yaml: steps\.tile_scenes\.settings\.step_operator\.time: "
    ):
        prepared({"time": 14400})


def test_a_dataset_of_the_internet_is_refused_with_how_to_fetch_it(on_login_node):
    with pytest.raises(ConfigurationError, match="hf download a/b --repo-type dataset"):
        prepared({}, source=HuggingFaceSource(kind="hugging_face", dataset="a/b"))


@pytest.mark.parametrize(
    ("stack", "local", "name"),
    [
        ("slurm", False, "training_pipeline_slurm"),
        ("somewhere/slurm.yaml", False, "training_pipeline_slurm"),
        ("local", False, "training_pipeline"),
        (None, True, "training_pipeline"),
        ("vertex", False, "training_pipeline_remote_gpu"),
        (None, False, "training_pipeline_remote_gpu"),
    ],
)
def test_a_pipeline_may_have_a_file_for_a_stack(stack, local, name):
    assert _file_of(TRAINING, RunLoop(local=local, stack=stack)) == CONFIGS / f"{name}.yaml"


def test_the_file_of_the_cluster_is_complete_once_it_is_filled_in(tmp_path):
    text = (CONFIGS / "stacks" / "slurm.yaml").read_text()
    for placeholder in ("<SHARED_FOLDER>", "<PARTITION>", "<ACCOUNT>"):
        text = text.replace(placeholder, "filled")
    file = tmp_path / "slurm.yaml"
    file.write_text(text)
    assert read_stack(file).defaults.steps["train_detector"]["step_operator"] is True
