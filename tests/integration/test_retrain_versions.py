"""Versions of a model and the labels they learned from, in a real ZenML."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

from zenml import Model, link_artifact_to_model, log_metadata, save_artifact
from zenml.client import Client

from records.trainings import LEARNED_FROM, last_trained


def test_a_training_that_was_killed_before_it_left_a_detector_has_learned_nothing(
    local_state: Path,
) -> None:
    model = f"model-{uuid4().hex[:8]}"
    Client().create_model(model)
    for _ in range(2):
        version = Client().create_model_version(model)
        log_metadata(
            metadata={LEARNED_FROM: {"id": str(uuid4()), "version": "1"}},
            model_name=model,
            model_version=version.name,
        )
    first = Model(name=model, version="1")
    link_artifact_to_model(save_artifact("a detector", "trained_detector"), first)

    trained = last_trained(model)
    assert trained is not None
    assert trained.number == 1
