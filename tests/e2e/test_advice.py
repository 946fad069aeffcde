"""Whoever obeys the program's advice gets on, from every state, and production never goes empty."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from functools import partial
from pathlib import Path
from uuid import uuid4

import pytest
import yaml
from zenml import Model, link_artifact_to_model
from zenml.client import Client

from commands.config_files import CONFIGS
from records.model_versions import version_in, versions_of
from tests.fixtures.terminal import answering
from tests.fixtures.user import User
from utils.serving.process import stop_service
from utils.serving.running import running_service

PROJECT = "advice"
FROM_NOTHING = "advised-from-nothing"
HARBOURS = {"kind": "synthetic", "scenes": 4, "width": 320, "height": 320, "ships": 8}
PINNED = {"train": ["scene-000", "scene-001"], "val": ["scene-002"], "test": ["scene-003"]}
QUICK = {"model_checkpoint": "yolov8n.yaml", "epochs": 1, "imgsz": 32, "allow_scratch": True}
OF_A_TRAINED = (
    "labeled_dataset",
    "checked_dataset",
    "trained_detector",
    "splits",
    "evaluation",
)
_MOST_STEPS = 12
_COMMAND = re.compile(r"(?:python run\.py|zenml) (?:(?![;)]|\. [A-Z]|\.?$|, ).)+", re.MULTILINE)


def put_in_place(user: User, folder: Path, patch: pytest.MonkeyPatch, model: str) -> None:
    """Put the shipped configurations, with a small source and training, in the program's place."""
    for file in CONFIGS.glob("*.yaml"):
        content = {"stack": "local", **yaml.safe_load(file.read_text())}
        parameters = content.get("parameters", {})
        if "training" in parameters:
            parameters |= {"training": QUICK, "fractions": {"pinned": PINNED}}
        if file.stem == "inference_pipeline":
            parameters["inference"] = {"tile_size": 160, "overlap": 16}
        (folder / file.name).write_text(yaml.safe_dump(content))
    project = {
        "name": PROJECT,
        "model": model,
        "source": HARBOURS,
        "tile_size": 160,
        "data_store": str(user.folder / "store"),
    }
    (folder / "mine.yaml").write_text(yaml.safe_dump(project))
    patch.setenv("SPYGLASS_PROJECT", str(folder / "mine.yaml"))
    for module in ("runs.execution", "models.stages", "runs.next_steps"):
        patch.setattr(f"commands.{module}.CONFIGS", folder)


@pytest.fixture
def configs(user: User, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[str], None]:
    """Puts the configurations in place, for a model."""
    return partial(put_in_place, user, tmp_path, monkeypatch)


@pytest.fixture(scope="module")
def trained(user: User, tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    """The artifacts of a version that was ingested, exported and trained."""
    version = next(versions_of(FROM_NOTHING), None)
    if version is None:  # the test that makes one is of the other tier
        with pytest.MonkeyPatch.context() as patch:
            put_in_place(user, tmp_path_factory.mktemp("trained"), patch, FROM_NOTHING)
            user.calls("--ingest", "--export", "--training", "--local")
        version = next(versions_of(FROM_NOTHING))
    return {name: version.get_artifact(name) for name in OF_A_TRAINED}


@pytest.fixture
def model_with(trained) -> Callable[..., str]:
    """Makes a model whose versions hold what a training made, or labels only, in these stages."""

    def make(*versions: tuple[str, str | None]) -> str:
        name = f"advised-{uuid4().hex[:8]}"
        Client().create_model(name)
        for content, stage in versions:
            version = Client().create_model_version(name)
            for artifact in OF_A_TRAINED if content == "trained" else OF_A_TRAINED[:1]:
                of_version = Model(name=name, version=version.name)
                link_artifact_to_model(trained[artifact], of_version)
            if stage:
                Client().get_model_version(name, version.name).set_stage(stage)
        return name

    return make


class Reader:
    """A user who obeys the first command that a failure names, until the first one works."""

    def __init__(self, user: User, model: str) -> None:
        self.user, self.model = user, model
        self.steps: list[str] = []

    def gets_through(self, command: str) -> str:
        """The output of a command in the end; fails where the same advice comes again."""
        told: set[str] = set()
        while True:
            self.steps.append(command)
            assert len(self.steps) <= _MOST_STEPS, self.steps
            shown = self.tries(command)
            if shown is not None:
                return shown
            assert self.failure not in told, f"{self.steps} lead back to: {self.failure}"
            told.add(self.failure)
            self.gets_through(self.advice_in(self.failure))

    def tries(self, command: str) -> str | None:
        """The output of a command; None where it fails, and then `failure` says why."""
        served = version_in(self.model, "production")
        arguments = shlex.split(command)
        try:
            shown = self.user.calls(*arguments[arguments.index("run.py") + 1 :])
        except AssertionError as error:
            self.failure = str(error)
            return None
        finally:
            assert served is None or version_in(self.model, "production") is not None, command
        return shown

    @staticmethod
    def advice_in(failure: str) -> str:
        (error,) = re.findall(r"^Error: .*", failure, re.MULTILINE)
        found = _COMMAND.search(error)
        assert found, f"no command in: {failure}"
        return found[0].strip()


COMMANDS = {
    "export": "python run.py --export",
    "training": "python run.py --training --local",
    "evaluation": "python run.py --evaluate",
    "staging": "python run.py --promote staging",
    "production": "python run.py --promote production",
    "inference": "python run.py --inference",
    "feedback": "python run.py --feedback --set feedback.confidence=0.001",
    "deployment": "python run.py --deploy --set deployment.port=18100",
    "prediction": "python run.py --prediction",
}


def test_from_nothing_to_a_detector_in_production(user, configs):
    configs(FROM_NOTHING)
    reader = Reader(user, FROM_NOTHING)
    reader.gets_through(COMMANDS["feedback"])
    assert version_in(FROM_NOTHING, "production") is not None
    obeyed = " ".join(reader.steps)
    for flag in ("--ingest", "--export", "--training", "--promote production", "--inference"):
        assert flag in obeyed


STATES = {
    "labels": [("labels", None)],
    "labels in staging": [("labels", "staging")],
    "trained": [("trained", None)],
    "in staging": [("trained", "staging")],
    "only production": [("trained", "production")],
    "labels in production": [("labels", "production")],
    "newer labels": [("trained", "production"), ("labels", None)],
    "newer labels in staging": [("trained", "production"), ("labels", "staging")],
    "newer labels beside staging": [("labels", "staging"), ("labels", None)],
    "two": [("trained", "production"), ("trained", "staging")],
    "rolled back": [("trained", "production"), ("trained", "archived")],
    "two, and newer labels": [("trained", "production"), ("trained", None), ("labels", None)],
}


# Inference passes through every other command; a training may be in the way of the one that serves.
WHOLE_STATES = ("labels", "only production", "newer labels in staging")
QUICK_STATE = "only production"
CASES = [
    pytest.param(state, command, marks=() if state == QUICK_STATE else pytest.mark.slow)
    for state in STATES
    for command in ("training", "evaluation", "production", "inference")
    if state in WHOLE_STATES or command in ("training", "inference")
]


@pytest.mark.parametrize(("state", "command"), CASES)
def test_advice_leads_forward(state, command, user, configs, model_with):
    model = model_with(*STATES[state])
    configs(model)
    served = version_in(model, "production")
    detector = served.get_artifact("trained_detector") if served else None
    Reader(user, model).gets_through(COMMANDS[command])
    if detector is not None:
        now = version_in(model, served.number).get_artifact("trained_detector")
        assert now.id == detector.id, "a detector that serves was replaced without a comparison"


@pytest.mark.parametrize(
    ("state", "command"),
    [
        pytest.param("only production", "deployment"),
        pytest.param("only production", "prediction", marks=pytest.mark.slow),
        pytest.param("in staging", "prediction", marks=pytest.mark.slow),
        pytest.param("labels", "deployment", marks=pytest.mark.slow),
    ],
)
def test_advice_leads_to_a_service(state, command, user, configs, model_with):
    model = model_with(*STATES[state])
    configs(model)
    try:
        Reader(user, model).gets_through(COMMANDS[command])
        production = version_in(model, "production")
        assert running_service(model).client().model()["version"] == str(production.number)
    finally:
        stop_service(model)


@pytest.mark.parametrize("flags", [(), ("--yes",)])
def test_only_a_person_takes_a_version_out_of_production(flags, user, configs, model_with):
    model = model_with(("trained", "production"))
    configs(model)
    told = user.calls("--promote", "staging", *flags, exit_code=1)
    assert "is in production and stays there" in told
    assert "--training --local" in told
    assert version_in(model, "production").number == 1

    with answering("y"):
        user.calls("--promote", "staging")
    assert version_in(model, "production") is None
    assert version_in(model, "staging").number == 1


def test_a_training_makes_a_version_beside_the_one_that_serves(user, configs, model_with, caplog):
    model = model_with(("trained", "production"))
    configs(model)
    shown = user.calls("--training", "--local")
    assert "Version 1 is in production and stays as it is" in shown
    assert version_in(model, "staging").number == 2
    labels = [version_in(model, n).get_artifact("labeled_dataset").id for n in ("1", "2")]
    assert labels[0] == labels[1]
    assert "This training equals that of version 1" in caplog.text
    assert "minimum score 0." in shown
    assert "reach only half of it on val" in shown


def test_a_stage_that_is_empty_is_told_and_the_newest_labels_are_used(user, configs, model_with):
    model = model_with(("labels", None))
    configs(model)
    mine = user.writes(
        "mine",
        model={"name": model, "version": "staging"},
        parameters={"training": QUICK, "fractions": {"pinned": PINNED}},
    )
    shown = user.calls("--training", "--local", "--config", mine)
    assert "Training on the labels of version 1, the newest with labels, since no version" in shown


@pytest.mark.slow
def test_the_loop_in_one_call_and_its_second_round(user, configs, model_with):
    model = model_with(("labels", "archived"))
    configs(model)
    loop = ["--export", "--promote", "staging", "--training", "-l", "--promote", "production"]
    first = user.calls(*loop)
    told = first.partition(f"Version 2 of {model} is now in production.")[2]
    weak = r"\n  mAP50 \d\.\d{3} on its test tiles\n  warning: a weak detector"
    assert re.match(weak, told), first
    second = user.calls(*loop, "--set", "promotion.min_scenes=1")
    assert f"Version 3 of {model} is now in staging." in second
    assert "Version 2 stays" in second
    assert version_in(model, "production").number == 2


def test_advice_for_a_model_of_ones_own_names_a_file_of_ones_own(user, configs, model_with):
    configs("another")
    model = model_with(("trained", None))
    mine = user.writes("own", model={"name": model}, parameters={})
    told = user.calls("--promote", "production", "--config", mine, exit_code=1)
    assert "--promote staging" in told
    assert f"--config {mine}" in told
    user.calls("--promote", "staging", "--config", mine)
    user.calls("--promote", "production", "--config", mine)
    assert version_in(model, "production").number == 1
