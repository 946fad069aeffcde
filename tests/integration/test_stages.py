"""Model versions move between stages in a real ZenML store."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from zenml import Model, link_artifact_to_model, save_artifact
from zenml.client import Client
from zenml.models import ArtifactVersionResponse

from commands.models.stages import promote
from records.model_versions import version_in
from utils.errors import MissingStageError


@pytest.fixture(scope="module")
def artifacts() -> Iterator[dict[str, ArtifactVersionResponse]]:
    """Something under the names that stages ask for; gone after the tests."""
    names = ("labeled_dataset", "trained_detector")
    saved = {name: save_artifact("stand-in", name) for name in names}
    yield saved
    for version in saved.values():
        Client().delete_artifact_version(version.id)


@pytest.fixture
def model() -> str:
    """The name of a model without versions."""
    name = f"model-{uuid4().hex[:8]}"
    Client().create_model(name)
    return name


@pytest.fixture
def make_version(model, artifacts) -> Callable[..., str]:
    """Makes the next version of the model with artifacts of these names; returns its number."""

    def make(*names: str) -> str:
        version = Client().create_model_version(model)
        for name in names:
            link_artifact_to_model(artifacts[name], Model(name=model, version=version.name))
        return str(version.number)

    return make


def test_the_latest_version_goes_to_staging(model, make_version):
    make_version("labeled_dataset")
    make_version("labeled_dataset")

    assert promote("staging", model) == f"Version 2 of {model} is now in staging."
    assert version_in(model, "staging").number == 2


def test_what_was_replaced_is_told_and_archived(model, make_version):
    make_version("labeled_dataset")
    promote("staging", model)
    make_version("labeled_dataset")

    assert promote("staging", model) == (
        f"Version 2 of {model} is now in staging, replacing version 1 (now archived)."
    )
    assert version_in(model, "1").stage == "archived"


def test_the_version_in_staging_goes_to_production(model, make_version):
    make_version("labeled_dataset", "trained_detector")
    promote("staging", model)
    make_version("labeled_dataset")

    assert promote("production", model) == f"Version 1 of {model} is now in production."
    assert version_in(model, "production").number == 1


def test_production_says_what_it_replaces(model, make_version):
    for _ in range(2):
        make_version("labeled_dataset", "trained_detector")
        promote("staging", model)
        told = promote("production", model)

    assert told == (
        f"Version 2 of {model} is now in production, replacing version 1 (now archived)."
    )


def test_versions_that_a_kill_has_left_without_labels_are_passed_over_and_named(
    model, make_version
):
    make_version("labeled_dataset")
    make_version()
    make_version()

    assert promote("staging", model) == (
        f"Version 1 of {model} is now in staging. Passed over for want of a labeled_dataset, as a "
        "command that was cut off leaves it: 2, 3."
    )
    assert version_in(model, "staging").number == 1


def test_nothing_is_taken_out_of_production_for_want_of_something_newer(model, make_version):
    make_version("labeled_dataset", "trained_detector")
    for stage in ("staging", "production"):
        promote(stage, model)
    make_version()

    with pytest.raises(MissingStageError, match="in production and stays there"):
        promote("staging", model)
    assert version_in(model, "production").number == 1


def test_promoting_again_changes_nothing(model, make_version):
    make_version("labeled_dataset")
    promote("staging", model)

    assert promote("staging", model) == f"Version 1 of {model} is in staging already."


@pytest.mark.parametrize(
    ("stage", "artifacts_there", "message"),
    [
        pytest.param("staging", (), "No version .* has a labeled_dataset",
                     id="nothing to train on"),
        pytest.param("production", ("labeled_dataset",), "Version 1 .* has no trained_detector",
                     id="nothing to predict with"),
    ],
)  # fmt: skip
def test_a_version_without_what_the_stage_is_for_stays(
    stage, artifacts_there, message, model, make_version
):
    make_version(*artifacts_there)
    if stage == "production":
        promote("staging", model)

    with pytest.raises(MissingStageError, match=message):
        promote(stage, model)
    assert version_in(model, stage) is None


@pytest.mark.parametrize(
    ("stage", "message"),
    [
        pytest.param("staging", r"has no versions yet\. .*: python run\.py --(ingest|export)"),
        pytest.param("production", "is in staging, so none can go to production"),
    ],
    ids=["staging", "production"],
)
def test_a_model_without_versions_is_told_with_what_to_do(stage, message, model):
    with pytest.raises(MissingStageError, match=message):
        promote(stage, model)


def test_an_unknown_model_is_told_with_what_to_do():
    with pytest.raises(MissingStageError, match="Model 'nobody' has no versions yet"):
        promote("staging", "nobody")


def test_who_looks_for_the_demos_models_is_told_where_they_are(tmp_path, monkeypatch):
    monkeypatch.setenv("SPYGLASS_LOCAL", str(tmp_path))
    store = tmp_path / "zenml"
    store.mkdir()
    with pytest.raises(MissingStageError) as nothing_there:
        promote("staging", "nobody")
    (store / "config.yaml").touch()
    with pytest.raises(MissingStageError, match=f"export ZENML_CONFIG_PATH={store}"):
        promote("staging", "nobody")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ZENML_CONFIG_PATH", "zenml")
    with pytest.raises(MissingStageError) as in_the_demos_store:
        promote("staging", "nobody")
    for told in (nothing_there, in_the_demos_store):
        assert "ZENML_CONFIG_PATH" not in str(told.value)


def test_zenmls_own_command_does_the_same(model, make_version):
    make_version("labeled_dataset")
    zenml = Path(sys.executable).with_name("zenml")
    subprocess.run(
        [zenml, "model", "version", "update", model, "latest", "-s", "staging"],
        check=True,
        capture_output=True,
    )

    assert version_in(model, "staging").number == 1
