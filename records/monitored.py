"""Bundles, labels and scenes beside which the noted predictions of a model are looked at."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, lru_cache
from pathlib import Path
from uuid import UUID

from records.artifacts import artifact_with_id, newest
from records.bundles import packed_version
from records.model_versions import version_in
from utils.dataset.labeled import LabeledTile
from utils.monitoring.look import Reference, References
from utils.serving.bundle import Bundle
from utils.serving.monitored import bundle_here, reference_of


def references_for(model: str) -> References:
    """The references of a model's versions, each read once."""

    @cache
    def reference(version: str, digest: str) -> Reference:
        bundle = bundle_here(digest)
        if bundle is None and version and not digest:
            bundle = _packed(model, version)
        return reference_of(bundle, version)

    return reference


def _packed(model: str, version: str) -> Bundle | None:
    """The newest bundle of a version, which an inference has predicted with."""
    found = version_in(model, version)
    packed = None if found is None else packed_version(found)
    if packed is None:
        return None
    bundle: Bundle = packed.bundle.load()
    return bundle


def reviewed_labels(model: str) -> Sequence[LabeledTile]:
    """The reviewed tiles of the model's newest labels; none before the first export."""
    labels = newest("labeled_dataset", model)
    return [] if labels is None else _reviewed(labels.id)


@lru_cache(maxsize=1)
def _reviewed(labels: UUID) -> Sequence[LabeledTile]:
    """The reviewed tiles of labels, which the next look finds again."""
    found = artifact_with_id(str(labels))
    return [] if found is None else [tile for tile in found.load() if tile.reviewed]


def predicted_scenes(model: str) -> dict[str, Path]:
    """The files of the scenes of the newest inference that are on this machine, by id."""
    predictions = newest("predictions", model)
    return {} if predictions is None else _scenes(predictions.id)


@lru_cache(maxsize=1)
def _scenes(predictions: UUID) -> dict[str, Path]:
    found = artifact_with_id(str(predictions))
    places = {} if found is None else {one.scene_id: Path(one.location) for one in found.load()}
    return {scene: place for scene, place in places.items() if place.is_file()}
