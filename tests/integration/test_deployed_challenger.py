"""`--deploy` with a challenger: shadow, canary, what `--status` says, and how it ends."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from zenml import log_metadata
from zenml.client import Client

from commands.requests import PROMOTION, RunLoop
from commands.retraining.trial import is_tried, lacks_reviews, require_end, trial_of
from commands.runs.execution import plan_runs
from commands.serving.deploy import plan_deployment
from records.model_versions import version_in
from tests.fixtures.deploying import Deploying, packed_model
from tests.fixtures.services import wait_for
from tests.fixtures.spots import SpotsBundle
from tests.fixtures.terminal import unfolded
from utils.errors import ConfigurationError
from utils.serving.challenge import challenger_of
from utils.serving.process import stop_service
from utils.serving.running import running_service

Runs = Callable[..., str]
CANARY = ("--set", "deployment.canary=0.5")
SHADOW = ("--set", "deployment.shadow=1")


@pytest.fixture(scope="module")
def deploying(
    spots_bundle: SpotsBundle, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Deploying]:
    """A model with version 1 in production and served, and version 2 in staging."""
    model = packed_model(spots_bundle, tmp_path_factory.mktemp("packed"))
    Client().get_model_version(model, "2").set_stage("staging")
    yield Deploying(model)
    stop_service(model)


@pytest.fixture
def runs(deploying: Deploying, capsys: pytest.CaptureFixture[str]) -> Iterator[Runs]:
    """Runs a command; the challenge is over after a test."""
    types = partial(deploying.types, capsys)
    yield types
    types("--deploy")


def challenger(model: str):
    return challenger_of(running_service(model))


def test_a_canary_is_begun_shown_changed_and_ended(runs, deploying):
    model = deploying.model
    shown = runs("--deploy", *CANARY)
    assert f"Version 1 of {model} answers at" in shown
    assert "Version 2 challenges it now: it answers 50% of the requests." in shown
    assert "Version 2 challenges it already" in runs("--deploy", *CANARY)
    shown = runs("--status")
    assert "its challenger, version 2, answers 50% of the requests since" in shown
    shown = runs("--deploy", *SHADOW, "--set", "deployment.canary=1")
    assert "Version 2 has other shares now: it answers all requests." in shown
    shown = runs("--status")
    assert "To make it the champion: python run.py --promote production" in shown
    shown = runs("--deploy")
    assert "The challenge of version 2 is over, as the deployment asks for none." in shown
    assert challenger(model) is None
    assert "challenge" not in runs("--deploy")


def test_a_challenger_with_other_classes_is_refused_before_it_is_packed(runs, deploying):
    def finds(number: str, *classes: str) -> None:
        detector = version_in(deploying.model, number).get_artifact("trained_detector")
        log_metadata({"classes": list(classes)}, artifact_version_id=detector.id)

    finds("1", "ship")
    finds("3", "ship", "tug")
    shown = runs("--deploy", *CANARY, "--set", "deployment.challenger=3", exit_code=1)
    assert "Version 3 does not challenge version 1. The challenger's classes are not" in shown
    assert "answers at" not in shown
    finds("3", "ship")


@pytest.mark.slow
def test_a_challenger_that_became_champion_is_none_any_more(runs, deploying):
    model = deploying.model
    runs("--deploy", *SHADOW)
    runs("--promote", "production", "--force", "--reason", "a test")
    shown = runs("--deploy", *SHADOW)
    assert f"Version 2 of {model} answers at" in shown
    assert "No version of" in shown
    assert "is in staging, so none challenges version 2" in shown
    assert challenger(model) is None
    Client().get_model_version(model, "1").set_stage("staging", force=True)
    assert "Version 1 challenges it now" in runs("--deploy", *SHADOW)
    shown = runs("--rollback")
    assert f"Version 1 of {model} answers at" in shown
    assert challenger(model) is None
    Client().get_model_version(model, "2").set_stage("staging", force=True)


@pytest.mark.slow
def test_undeploy_forgets_the_challenger(runs, deploying):
    model = deploying.model
    runs("--deploy", *CANARY)
    runs("--undeploy")
    assert running_service(model) is None
    runs("--deploy")
    assert challenger(model) is None


def test_a_withdrawn_challenger_is_not_tried_again_until_its_challenge_is_ended(runs, deploying):
    model = deploying.model
    slow = ("--set", "deployment.withdraw.requests=2", "--set", "deployment.withdraw.slowdown=1e-9")
    runs("--deploy", *CANARY, *slow)
    client = running_service(model).client()
    image = f"{running_service(model).served.bundle}/test/image.png"
    assert [client.predict(image)["version"] for _ in range(5)] == ["1", "2", "1", "2", "1"]
    shown = runs("--status")
    assert "its challenger, version 2, was withdrawn since" in shown
    assert "(slowdown 1e-09)" in shown
    shown = runs("--deploy", *CANARY, *slow)
    assert "Version 2 was withdrawn as the challenger and is not tried again" in shown
    (remedy,) = re.findall(r"end its challenge: python run\.py (--deploy.*?canary=0)", shown)
    front = running_service(model).server
    assert f"{remedy} --set deployment.port={deploying.port}" in shown
    assert "The challenge of version 2 is over" in runs(*remedy.split())
    assert running_service(model).server == front
    assert "Version 2 challenges it now" in runs("--deploy", *CANARY)


@pytest.mark.slow
def test_a_retrained_version_shadows_until_enough_is_reviewed_and_is_tried_as_a_canary(
    runs, deploying, capsys, tmp_path
):
    model = deploying.model
    runs("--deploy")
    service, champion, version = running_service(model), *(version_in(model, n) for n in (1, 2))
    image = f"{service.served.bundle}/test/image.png"
    sets = [f"model.name={model}", f"deployment.port={deploying.port}"]
    sets += ["deployment.shadow=1", "deployment.canary=0.5", "deployment.full_after=2"]
    planned = plan_deployment(overrides=tuple(sets))
    (comparison,) = plan_runs(
        RunLoop((PROMOTION,), overrides=(f"model.name={model}", "promotion.shadow_images=3"))
    )
    require_end(planned)

    def lacks() -> bool:
        return lacks_reviews(planned, comparison, champion, version, yes=True)

    assert lacks()
    assert "shadowed 0; to shadow more: python run.py --deploy" in unfolded(capsys.readouterr().out)
    for number in range(3):
        (tmp_path / "image.png").write_bytes(Path(image).read_bytes() + bytes([number]))
        service.client().predict(tmp_path / "image.png")
    wait_for(lambda: challenger(model).figures["shadow"]["answers"] == 3)
    assert challenger(model).canary == 0
    assert lacks()
    assert "reviewed 0 of 3; to review more" in unfolded(capsys.readouterr().out)

    assert is_tried(planned, champion)
    assert trial_of(planned, version, yes=True) is None
    for _ in range(6):
        service.client().predict(image)
    assert trial_of(planned, version, yes=True) is True
    runs("--deploy")


def test_a_canary_of_a_retraining_must_end_by_itself():
    with pytest.raises(ConfigurationError, match=r"as deployment\.full_after"):
        require_end(plan_deployment(overrides=("deployment.canary=0.5",)))


@pytest.mark.parametrize(
    ("wrong", "exit_code", "told"),
    [
        (("canary=1.5",), 2, "deployment.canary"),
        (("shadow=-1",), 2, "deployment.shadow"),
        (("canary=0.5", "withdraw.slow=2"), 2, "did you mean 'slowdown'"),
        (("canary=0.5", "where=vertex"), 2, "shadow and canary are for a service on this machine"),
        (("canary=0.5", "challenger=1"), 2, "version 1 of {model} is the champion itself"),
        (("canary=0.5", "challenger=3"), 1, "It does not challenge version 1."),
        (("canary=0.5", "challenger=9"), 1, "Model '{model}' has no version '9'."),
    ],
)
def test_a_wrong_challenger_is_one_sentence(runs, deploying, wrong, exit_code, told):
    sets = [part for one in wrong for part in ("--set", f"deployment.{one}")]
    shown = runs("--deploy", *sets, exit_code=exit_code)
    assert told.format(model=deploying.model) in shown
