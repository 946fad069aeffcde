"""Pipelines find what earlier ones have made, each of its own model."""

from __future__ import annotations

from uuid import uuid4

from zenml import Model, link_artifact_to_model, save_artifact
from zenml.client import Client

from records.artifacts import newest


def made_by(model: str, value: str, artifact: str) -> None:
    """Save an artifact as a run of a model would."""
    Client().create_model(model)
    version = Client().create_model_version(model)
    link_artifact_to_model(save_artifact(value, artifact), Model(name=model, version=version.name))


def test_what_another_model_has_made_later_is_not_taken() -> None:
    ships, trees, nobody, artifact = (f"test-{uuid4().hex[:8]}" for _ in range(4))
    made_by(ships, "of ships", artifact)
    made_by(trees, "of trees", artifact)
    found = newest(artifact, ships)
    assert found is not None
    assert found.load() == "of ships"
    assert newest(artifact, nobody) is None
