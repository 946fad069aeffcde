"""Which labels a version of the model has learned from."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from zenml import get_step_context, log_metadata
from zenml.models import ArtifactVersionResponse

from records.dataset_versions import tags_of

LEARNED_FROM = "learned from"


def note_labels() -> None:
    """Note, on the model version of the running training, the labels that its tiles come from.

    The way leads from the checked tiles that the running step was given to what was checked. A run
    without a model notes nothing.
    """
    context = get_step_context()
    version = context.pipeline_run.model_version
    checked = context.inputs["labels"][0]
    if version is None or checked.step is None:
        return
    (labels,) = checked.step.inputs["labels"]
    log_metadata(
        metadata={LEARNED_FROM: _described(labels)},
        model_name=version.model.name,
        model_version=version.number,
    )


def _described(labels: ArtifactVersionResponse) -> dict[str, Any]:
    figures = labels.run_metadata
    return {
        "dataset": labels.name,
        "version": labels.version,
        "id": str(labels.id),
        "uri": labels.uri,
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "tags": ", ".join(tags_of(labels)),
        **{name: figures[name] for name in ("tiles", "reviewed", "boxes") if name in figures},
    }
