"""The checks before a run look at the labels that it works on."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

import pytest
from zenml import Model, link_artifact_to_model, save_artifact
from zenml.client import Client

import materializers  # noqa: F401  (tells ZenML how the nouns are stored)
from commands.runs.configuration import RunConfiguration
from commands.runs.model_needs import _labels_of
from records.dataset_versions import dataset_version
from tests.builders import labeled, make_tile
from utils.dataset.labeled import LabeledDataset


@pytest.fixture
def model(tmp_path: Path) -> str:
    """A model with two versions, each with labels of its own; the name of the model."""
    name = f"needs-{uuid4().hex[:8]}"
    Client().create_model(name)
    for number in (1, 2):
        tiles = [make_tile(tmp_path / f"tiles-{number}", seed=number)]
        labels = LabeledDataset.write(tmp_path / f"{number}.parquet", ["ship"], labeled(tiles))
        version = Client().create_model_version(name)
        saved = save_artifact(labels, "labeled_dataset")
        link_artifact_to_model(saved, Model(name=name, version=version.name))
    return name


def run_of(model: str, version: str | None, **parameters: object) -> RunConfiguration:
    named = {"name": model} | ({"version": version} if version else {})
    return RunConfiguration(Path("training.yaml"), "local", parameters, {"model": named})


def labels_in(model: str, version: str) -> object:
    return Client().get_model_version(model, version).get_artifact("labeled_dataset").id


def test_a_training_works_on_the_labels_of_its_version_or_on_those_it_names(model):
    first, second = labels_in(model, "1"), labels_in(model, "2")
    named = Client().get_artifact_version(first).version

    assert _labels_of(run_of(model, None, dataset=None)).id == second
    assert _labels_of(run_of(model, "1", dataset=None)).id == first
    assert _labels_of(run_of(model, "2", dataset=named)).id == first


def test_an_evaluation_works_on_the_newest_labels(model):
    assert _labels_of(run_of(model, "1")).id == labels_in(model, "2")


def test_a_tag_of_the_model_comes_before_a_number_of_another(model):
    foreign = save_artifact("stand-in", "labeled_dataset")
    other = f"needs-{uuid4().hex[:8]}"
    Client().create_model(other)
    version = Client().create_model_version(other)
    link_artifact_to_model(foreign, Model(name=other, version=version.name))
    own = labels_in(model, "1")
    Client().update_artifact_version(own, add_tags=[foreign.version])
    try:
        assert dataset_version(foreign.version, model).id == own
    finally:
        Client().update_artifact_version(own, remove_tags=[foreign.version])
