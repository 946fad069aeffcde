"""Facts of a model version: sources of its data, scores, and purpose."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from utils.dataset.labeled import LabeledDataset, LabeledTile
from utils.dataset.splits import Split
from utils.detection.detector import Detector
from utils.evaluation.evaluation import Evaluation

NOT_STATED = "not stated"


@dataclass(frozen=True, slots=True)
class DataSource:
    """A source of scenes.

    Attributes:
        name: Name of the source, the first part of the ids of its scenes.
        scenes: Number of its scenes among the labelled ones.
        tiles: Number of its labelled tiles.
        licence: Licence of its images, or "not stated".
    """

    name: str
    scenes: int
    tiles: int
    licence: str = NOT_STATED


@dataclass(frozen=True, slots=True)
class SplitFacts:
    """The size of one split.

    Attributes:
        split: Name of the split.
        scenes: Number of scenes.
        tiles: Number of tiles.
        objects: Number of objects by class.
    """

    split: str
    scenes: int
    tiles: int
    objects: dict[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFacts:
    """Facts of a model version, as its card tells them.

    Attributes:
        created: Time at which the version was made, in ISO 8601.
        detector: The detector; its weights are not read.
        evaluation: Its evaluation on unseen scenes, or None.
        intended_use: Purpose that it is meant for.
        not_intended: Uses that it is not meant for.
        code_version: Git commit of Spyglass, or "not stated".
        labels: Facts of the labelled dataset by name, such as its version.
        sources: Sources of the scenes.
        splits: Sizes of the splits.
        licence: Licence of the weights, or "not stated".
    """

    detector: Detector
    created: str = "1980-01-01T00:00:00+00:00"
    evaluation: Evaluation | None = None
    intended_use: str = NOT_STATED
    not_intended: str = NOT_STATED
    code_version: str = NOT_STATED
    labels: dict[str, str] = field(default_factory=dict)
    sources: tuple[DataSource, ...] = ()
    splits: tuple[SplitFacts, ...] = ()
    licence: str = NOT_STATED

    @property
    def scores(self) -> dict[str, float]:
        """Headline scores by name; none without an evaluation."""
        return {} if self.evaluation is None else dict(self.evaluation.metrics)


def data_facts(
    labels: LabeledDataset, splits: Mapping[str, Split], licences: Mapping[str, str]
) -> dict[str, Any]:
    """The fields `labels`, `sources` and `splits` of `ModelFacts` from a labelled dataset.

    Args:
        labels: Labels of the training.
        splits: Split of each scene by id.
        licences: Licence of the images by name of their source.
    """
    tiles = list(labels)
    reviewed = sum(tile.reviewed for tile in tiles)
    people = len({tile.annotator for tile in tiles if tile.reviewed and tile.annotator})
    return {
        "labels": {
            "tiles": f"{len(tiles):,}",
            "reviewed by a person": f"{reviewed:,} of {len(tiles):,}",
            "people who reviewed": f"{people:,}" if people else NOT_STATED,
        },
        "sources": tuple(_sources(tiles, licences)),
        "splits": tuple(_splits(tiles, splits)),
    }


def _sources(tiles: list[LabeledTile], licences: Mapping[str, str]) -> list[DataSource]:
    names = sorted({_source_of(tile) for tile in tiles})
    return [
        DataSource(
            name,
            len({tile.scene_id for tile in tiles if _source_of(tile) == name}),
            sum(_source_of(tile) == name for tile in tiles),
            licences.get(name, NOT_STATED),
        )
        for name in names
    ]


def _source_of(tile: LabeledTile) -> str:
    return tile.scene_id.partition("/")[0]


def _splits(tiles: list[LabeledTile], splits: Mapping[str, Split]) -> list[SplitFacts]:
    parts = {
        split: [tile for tile in tiles if splits.get(tile.scene_id) == split] for split in Split
    }
    return [
        SplitFacts(
            split.value,
            len({tile.scene_id for tile in own}),
            len(own),
            dict(sorted(Counter(name for tile in own for name in tile.shapes.labels).items())),
        )
        for split, own in parts.items()
    ]
