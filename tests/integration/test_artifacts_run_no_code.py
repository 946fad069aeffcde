"""No artifact of a step is loaded in a way that could run code."""

from __future__ import annotations

import importlib
import json
import os
import pickle
import pkgutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from zenml.materializers.materializer_registry import materializer_registry
from zenml.steps.base_step import BaseStep

import materializers
import steps
from utils.errors import StoreError

# Text as it is.
HARMLESS_OF_ZENML = {"StructuredStringMaterializer", "BuiltInMaterializer"}  # text, and JSON


def _steps() -> Iterator[BaseStep]:
    for module in pkgutil.iter_modules(steps.__path__):
        for value in vars(importlib.import_module(f"steps.{module.name}")).values():
            if isinstance(value, BaseStep):
                yield value


def test_every_output_of_a_step_is_stored_by_a_materializer_of_our_own() -> None:
    outputs = {
        name: materializer_registry[output.resolved_annotation].__name__
        for step in _steps()
        for name, output in step.entrypoint_definition.outputs.items()
    }
    assert len(outputs) > 20
    allowed = {*materializers.__all__, *HARMLESS_OF_ZENML}
    assert {name: kind for name, kind in outputs.items() if kind not in allowed} == {}


class Trap:
    def __init__(self, sprung: Path) -> None:
        self.sprung = sprung

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.sprung),)


@pytest.mark.usefixtures("local_state")
def test_an_artifact_that_names_the_class_to_load_it_with_is_refused(tmp_path: Path) -> None:
    from zenml.client import Client

    store = Client().active_stack.artifact_store
    artifact = Path(store.path) / tmp_path.name
    (artifact / "0").mkdir(parents=True)
    sprung = tmp_path / "sprung"
    (artifact / "0" / "artifact.pkl").write_bytes(pickle.dumps(Trap(sprung)))
    entry = {
        "path": str(artifact / "0"),
        "type": "builtins.list",
        "materializer": "zenml.materializers.cloudpickle_materializer.CloudpickleMaterializer",
    }
    (artifact / "metadata.json").write_text(json.dumps([entry]))
    with pytest.raises(StoreError, match="is not the JSON that Spyglass wrote"):
        materializers.PlainMaterializer(str(artifact), store).load(list)
    assert not sprung.exists()
