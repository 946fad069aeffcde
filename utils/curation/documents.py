"""Samples as the documents that FiftyOne stores, in the format of its `FiftyOneDataset` on disk."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from utils.curation.fields import FOUND, STATE, TRUTH
from utils.curation.labels import label_of, with_ids
from utils.curation.samples import TileSample
from utils.shapes.shapes import ShapeKind

Document = dict[str, Any]

# Fields without which FiftyOne does not take a document as a sample.
IDENTITY = ("tile_id", "filepath", "_media_type", "_rand")


@dataclass(frozen=True, slots=True)
class KnownSample:
    """A sample in the database, reduced to the parts that show whether it is up to date.

    Attributes:
        tags: The sample's tags, including those that people added.
        state: Content of the field `last_written`: the fingerprint of each field as Spyglass last
            wrote it, and under `tags` the tags that Spyglass gave.
    """

    tags: tuple[str, ...]
    state: Document


def pending_document(
    sample: TileSample,
    image: Path,
    known: KnownSample | None,
    kind: ShapeKind = ShapeKind.DETECT,
) -> Document | None:
    """The document that brings the database up to date, or None if it is.

    A field without a value now (no truth, no prediction) stays as it is in the database, and so
    does a field that has not changed since it was written: people's changes in the App survive.

    Args:
        sample: The sample.
        image: Its image on this machine.
        known: The sample in the database; None for a new one.
        kind: Kind of the dataset.
    """
    document = sample_document(sample, image, kind)
    known = known or KnownSample((), {})
    prints = {field: _fingerprint(value) for field, value in document.items()}
    state = known.state | prints | {"tags": list(sample.tags)}
    if state == known.state:
        return None
    changed: Document = {
        field: value
        for field, value in document.items()
        if field in IDENTITY or prints[field] != known.state.get(field)
    }
    for field in {TRUTH, FOUND} & changed.keys():
        changed[field] = with_ids(changed[field])
    tags = updated_tags(known.tags, tuple(known.state.get("tags", ())), sample.tags)
    return changed | {"tags": list(tags), STATE: state}


def updated_tags(
    current: tuple[str, ...], given_before: tuple[str, ...], given_now: tuple[str, ...]
) -> tuple[str, ...]:
    """The tags of a sample after an update.

    Only the difference between Spyglass' tags before and now is applied: tags that people added
    stay, and tags that they removed stay removed.
    """
    gone = set(given_before) - set(given_now)
    kept = [tag for tag in current if tag not in gone]
    new = [tag for tag in given_now if tag not in given_before and tag not in kept]
    return (*kept, *new)


def sample_document(sample: TileSample, image: Path, kind: ShapeKind) -> Document:
    """A sample as a document, without tags and without the ids of its labels."""
    window = sample.window
    size = window.width, window.height
    document: Document = {
        "tile_id": sample.tile_id,
        "filepath": str(image),
        "_media_type": "image",
        # FiftyOne shuffles by this number in [0, 1); a hash keeps it the same in every run.
        "_rand": int(_fingerprint(sample.tile_id), 16) / 16**16,
        "metadata": {"_cls": "ImageMetadata", "width": window.width, "height": window.height},
        "scene_id": sample.scene_id,
        "window": [window.x, window.y, window.width, window.height],
    }
    if sample.reviewed is not None:
        document["reviewed"] = sample.reviewed
    if sample.truth is not None and (truth := label_of(sample.truth, kind, *size)):
        document[TRUTH] = truth
    if sample.found is not None:
        document["model_version"] = sample.model_version
        if found := label_of(sample.found, kind, *size, sample.model_version):
            document[FOUND] = found
    return document


def _fingerprint(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]
