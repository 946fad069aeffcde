"""The trainings of a model: the labels and scenes that its versions learned from."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from typing import Any

from zenml import get_step_context
from zenml.models import ArtifactVersionResponse, ModelVersionResponse

from records.dataset_versions import tags_of
from records.model_versions import moment_now, note_on, versions_of, versions_of_all_models
from utils.dataset.options import SplitFractions
from utils.dataset.splits import held_out

logger = logging.getLogger(__name__)

_LONG_S = 90  # from which a time is told in minutes
LEARNED_FROM = "learned from"
_BEGUN, _ENDED = "retraining", "retrained"


def note_labels() -> None:
    """Note, on the model version of the running training, the labels that its tiles come from.

    The step was given checked tiles; the step that checked them was given the labels. A run
    without a model notes nothing.
    """
    context = get_step_context()
    version = context.pipeline_run.model_version
    checked = context.inputs["labels"][0]
    if version is None or checked.step is None:
        return
    (labels,) = checked.step.inputs["labels"]
    note_on(version.model.name, version.number, LEARNED_FROM, _described(labels))


def learned_from(version: ModelVersionResponse) -> dict[str, Any]:
    """Return the labels that a version learned from: id, version and date; empty if untrained."""
    learned = version.run_metadata.get(LEARNED_FROM)
    return learned if isinstance(learned, dict) else {}


def warn_of_equal_training(run_fingerprint: str) -> None:
    """Say, before a training begins, that one of the running step's model was the same.

    Args:
        run_fingerprint: Fingerprint of data, arguments, seed and starting weights.
    """
    if earlier := _equal_training(run_fingerprint):
        version, seconds = earlier
        logger.warning(
            "This training equals that of version %d (labels, arguments, seed and weights), which "
            "took %s: its result is the same. To avoid it, end this with Ctrl-C and use that "
            "version, or change the labels or an argument.",
            version,
            f"{seconds / 60:.0f} min" if seconds > _LONG_S else f"{seconds:.0f} s",
        )


def _equal_training(run_fingerprint: str) -> tuple[int, float] | None:
    """Find the number of the newest version with an equal training, and its seconds.

    Detectors that an earlier version of Spyglass trained are not found.
    """
    for version in versions_of(get_step_context().model.name):
        detector = version.get_artifact("trained_detector")
        figures: dict[str, Any] = dict(detector.run_metadata) if detector else {}
        if figures.get("run_fingerprint") == run_fingerprint:
            return version.number, float(figures.get("seconds", 0.0))
    return None


def models_by_dataset() -> dict[str, list[ModelVersionResponse]]:
    """Group the trained versions of all models by the id of the dataset they learned from."""
    trained: dict[str, list[ModelVersionResponse]] = {}
    for version in versions_of_all_models():
        if learned := learned_from(version):
            trained.setdefault(str(learned["id"]), []).append(version)
    return trained


def scenes_held_out(groups: Mapping[str, str]) -> set[str]:
    """Find the scenes that the model version of the running step does not learn from.

    Scenes that its training did not know are split as that training would have split them; by
    the default fractions where nothing is known of it.

    Args:
        groups: The group of each scene, by scene id, from `groups_of`.

    Raises:
        DatasetError: If a scene is pinned to two splits.
        SourceError: If a list of pinned scenes cannot be read.
    """
    splits = get_step_context().model.get_artifact("splits")
    if splits is None:
        return held_out(groups, {}, SplitFractions())
    parameters = splits.step.config.parameters if splits.producer_step_run_id else {}
    fractions = SplitFractions.model_validate(parameters.get("fractions", {}))
    return held_out(groups, splits.load(), fractions)


def last_trained(model: str) -> ModelVersionResponse | None:
    """Find the newest version that has learned from labels."""
    return next(filter(is_trained, versions_of(model)), None)


def is_trained(version: ModelVersionResponse) -> bool:
    """Whether a version has learned from labels; a training that was killed leaves no detector."""
    has_learned = LEARNED_FROM in version.run_metadata
    return has_learned and version.get_artifact("trained_detector") is not None


def with_labels(model: str) -> Iterator[ModelVersionResponse]:
    """Yield the versions with labels, newest first; an export that was cut off leaves none."""
    for version in versions_of(model):
        if version.get_artifact("labeled_dataset") is not None:
            yield version


def unfinished_retraining(model: str) -> ModelVersionResponse | None:
    """Find the version whose retraining has begun and not ended, unless a newer one is trained."""
    trained = last_trained(model)
    for version in versions_of(model):
        if trained is not None and version.number < trained.number:
            return None
        if _BEGUN in version.run_metadata and _ENDED not in version.run_metadata:
            return version
    return None


def note_retraining(version: ModelVersionResponse, reason: str) -> None:
    """Note on a version that its retraining begins, and why."""
    begun = {"reason": reason, "at": moment_now()}
    note_on(version.model.name, version.number, _BEGUN, begun)


def note_retrained(version: ModelVersionResponse, *, in_production: bool) -> None:
    """Note on a version that its retraining has ended, and whether it is in production."""
    ended = {"at": moment_now(), "in_production": str(in_production)}
    note_on(version.model.name, version.number, _ENDED, ended)


def _described(labels: ArtifactVersionResponse) -> dict[str, Any]:
    figures = labels.run_metadata
    return {
        "dataset": labels.name,
        "version": labels.version,
        "id": str(labels.id),
        "uri": labels.uri,
        "at": moment_now(),
        "tags": ", ".join(tags_of(labels)),
        **{name: figures[name] for name in ("tiles", "reviewed", "boxes") if name in figures},
    }
