"""Keys of sources that ZenML keeps."""

from __future__ import annotations

import pytest
from zenml.client import Client

from records.sources import opened_source
from tests.emulators.roboflow import KEY, Roboflow, running
from tests.unit.scenes.test_scene_roboflow import NAMES, PLACE, coco_export
from utils.errors import ConfigurationError
from utils.scenes.options import RoboflowSource
from utils.scenes.roboflow import ADDRESS_VARIABLE, KEY_VARIABLE


@pytest.fixture
def server(monkeypatch, tmp_path):
    monkeypatch.setenv("SPYGLASS_LOCAL", str(tmp_path / "local"))
    monkeypatch.setenv(KEY_VARIABLE, "")
    with running(Roboflow({"port/ships/2/coco": coco_export(tmp_path / "coco")})) as roboflow:
        monkeypatch.setenv(ADDRESS_VARIABLE, roboflow.url)
        yield roboflow


def test_a_source_is_opened_with_the_key_in_its_secret(server):
    Client().create_secret("roboflow-port", {"api_key": KEY})
    source = opened_source(RoboflowSource(**PLACE, secret="roboflow-port"))
    assert source.scene_count == len(NAMES)


def test_a_secret_that_is_not_there_or_holds_no_key_is_told(server):
    Client().create_secret("roboflow-empty", {"token": KEY})
    for name in ("nowhere", "roboflow-empty"):
        with pytest.raises(ConfigurationError, match=f"zenml secret create {name} --api_key=KEY"):
            opened_source(RoboflowSource(**PLACE, secret=name))
