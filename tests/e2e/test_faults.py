"""Each fault is one sentence, with the right exit code, before any work is lost."""

from __future__ import annotations

import subprocess

import pytest

from tests.fixtures.user import User
from utils.ports import free_port

HARBOUR = {"kind": "synthetic", "scenes": 1, "width": 320, "height": 256, "ships": 4}
MODEL = {"name": "model-without-versions"}


@pytest.fixture(scope="module")
def ingest(user: User) -> str:
    """A configuration that is right; each test makes one thing wrong."""
    return user.writes(
        "faults",
        parameters={
            "source": HARBOUR,
            "data_source": "faults-store",
            "tiling": {"tile_size": 256},
            "label_studio": {"project": "faults"},
        },
    )


def told(shown: str) -> str:
    """The only sentence about an error in what was shown; fails on more or fewer."""
    [sentence] = [line for line in shown.splitlines() if "rror" in line]
    assert sentence.startswith("Error: ")
    return sentence


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param(
            "parameters: {source: {kind: synthetic}, tilling: {}}",
            "tiling",
            id="misspelt parameter",
        ),
        pytest.param(
            "parameters: {source: {kind: synthetic, sceens: 3}}", "scenes", id="misspelt option"
        ),
        pytest.param("parametrs: {source: {kind: synthetic}}", "parameters", id="misspelt section"),
        pytest.param("model: ship-detector", "model", id="model that is only a name"),
        pytest.param("parameters: [1]", "parameters", id="parameters that are a list"),
        pytest.param("- ingest", "holds no mapping", id="list"),
        pytest.param("parameters: {", "cannot be read as YAML", id="no YAML"),
        pytest.param("", "holds no mapping", id="empty file"),
    ],
)
def test_a_wrong_configuration_ends_with_code_2(content, message, user):
    path = user.folder / "wrong.yaml"
    path.write_text(content)

    assert message in told(user.calls("-ig", "--config", str(path), exit_code=2))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(("--set", "tilling.tile_size=64"), "tiling", id="unknown parameter"),
        pytest.param(("--set", "tiling.tile_sice=64"), "tile_size", id="unknown option"),
        pytest.param(("--set", "tiling.tile_size=big"), "tiling.tile_size", id="wrong type"),
        pytest.param(("--set", "tiling.tile_size"), "key=value", id="no value"),
        pytest.param(("--stack", "locl"), "local", id="unknown stack"),
    ],
)
def test_a_wrong_flag_ends_with_code_2(arguments, message, user, ingest):
    assert message in told(user.calls("-ig", "--config", ingest, *arguments, exit_code=2))


def test_a_missing_configuration_ends_with_code_2(user):
    shown = user.calls("-ig", "--config", "nowhere.yaml", exit_code=2)

    assert "nowhere.yaml does not exist" in told(shown)
    assert "ingest_data.yaml" in shown


@pytest.mark.parametrize(
    ("source", "message"),
    [
        pytest.param({"kind": "voc", "path": "nowhere"}, "nowhere", id="missing folder"),
        pytest.param({"kind": "folder", "path": "empty"}, "empty", id="empty folder"),
        pytest.param({"kind": "yolo", "path": "empty"}, "empty", id="empty YOLO dataset"),
        pytest.param({"kind": "coco", "path": "empty"}, "empty", id="empty COCO dataset"),
        pytest.param(
            {"kind": "hugging_face", "dataset": "./empty"}, "empty", id="empty Hugging Face dataset"
        ),
    ],
)
def test_a_source_without_scenes_ends_with_code_1(source, message, user):
    (user.folder / "empty").mkdir(exist_ok=True)
    ingest = user.writes(
        "source",
        parameters={
            "source": source,
            "data_source": "faults-store",
            "label_studio": {"project": "faults"},
        },
    )

    assert message in told(user.calls("-ig", "--config", ingest, exit_code=1))


def test_a_label_studio_that_is_down_ends_with_code_1(user, ingest, monkeypatch):
    url = f"http://127.0.0.1:{free_port()}"
    monkeypatch.setitem(user.environment, "LABEL_STUDIO_URL", url)

    assert url in told(user.calls("-ig", "--config", ingest, exit_code=1))


def test_a_wrong_token_ends_with_code_1(user, ingest, monkeypatch):
    monkeypatch.setitem(user.environment, "LABEL_STUDIO_API_KEY", "wrong")

    assert "LABEL_STUDIO_API_KEY" in told(user.calls("-ig", "--config", ingest, exit_code=1))


def test_a_project_with_other_classes_ends_with_code_1(user, ingest):
    user.calls("-ig", "--config", ingest)
    other = ("--set", "source.class_mapping={ship: vessel}")

    sentence = told(user.calls("-ig", "--config", ingest, *other, exit_code=1))
    assert "'faults' offers the classes ship and not vessel" in sentence


@pytest.mark.parametrize(
    ("flag", "stage"), [("--training", "staging"), ("--inference", "production")]
)
def test_a_stage_that_is_empty_ends_with_code_1(flag, stage, user):
    parameters = {"source": HARBOUR} if flag == "--inference" else {}
    configuration = user.writes("stage", model=MODEL | {"version": stage}, parameters=parameters)

    sentence = told(user.calls(flag, "--config", configuration, exit_code=1))
    assert f"No version of model 'model-without-versions' is in stage '{stage}'" in sentence
    assert f"python run.py --promote {stage}" in sentence


def test_a_disk_that_is_nearly_full_ends_with_code_1(user, ingest, tmp_path, monkeypatch):
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", tmp_path],
        check=False,
        stderr=subprocess.DEVNULL,
    )
    if mounted.returncode != 0:
        pytest.skip("a small disk can be mounted by root only")
    try:
        monkeypatch.setitem(user.environment, "SPYGLASS_LOCAL", str(tmp_path))
        # In a process of its own, which leaves no open file there.
        sentence = told(user.runs("-ig", "--config", ingest, "--stack", "default", exit_code=1))
    finally:
        subprocess.run(["umount", tmp_path], check=True)

    assert f"GB are free on the disk of {tmp_path}" in sentence
    assert "SPYGLASS_LOCAL" in sentence


def test_the_program_itself_ends_with_the_same_code_and_sentence(user):
    shown = user.runs("-ig", "--config", "nowhere.yaml", exit_code=2)

    assert "nowhere.yaml does not exist" in told(shown)
