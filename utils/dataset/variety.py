"""Advice on the variety of pictures and labels: light, places, sizes, near-duplicates, doubts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from utils.dataset.labeled import LabeledTile
from utils.dataset.splits import Split
from utils.geometry import FloatArray
from utils.images.picture_hash import NEAR_BITS, Hashes, distances

_MEASURES = {
    "brightness": ("darker", "brighter"),
    "contrast": ("flatter", "richer in contrast"),
    "sharpness": ("more blurred", "sharper"),
}
_FEW = 20  # tiles or labels, below which nothing is said of their variety
_NARROW = 0.03  # of the range of brightness
_OUTSIDE = 0.2  # share of the pictures to come that may be unlike the training's
_CENTRED = 0.9
_ALIKE = 1.3  # ratio of the 90th percentile of sizes to the 10th
_NEAR_SHARE = 0.1
_EXAMPLES = 3


@dataclass(frozen=True, slots=True, eq=False)
class PictureFacts:
    """Measures of a picture.

    Attributes:
        brightness: Mean luma, in [0, 1].
        contrast: Standard deviation of the luma, in [0, 0.5].
        sharpness: Standard deviation of the Laplacian.
        hash: Difference hash, or None where it is not known.
    """

    brightness: float
    contrast: float
    sharpness: float
    hash: Hashes | None = None


@dataclass(frozen=True, slots=True)
class Pictures:
    """Pictures to give advice on.

    Attributes:
        facts: Measures by tile id, of some of the labelled tiles.
        expected: Measures of pictures that are to be predicted; empty where none are known.
        doubtful: Ids of tiles with labels that a detector contradicts.
        compared: Number of tiles whose labels were compared with a detector's predictions.
    """

    facts: Mapping[str, PictureFacts] = field(default_factory=dict)
    expected: Sequence[PictureFacts] = ()
    doubtful: Sequence[str] = ()
    compared: int = 0


@dataclass(slots=True)
class Variety:
    """The variety of a stream of labelled tiles.

    Attributes:
        places: Centre of each label as a share of its tile, (n, 2).
        sizes: Side of a square as large as each label, in pixels.
        by_split: Ids of tiles by split.
    """

    places: list[FloatArray] = field(default_factory=list)
    sizes: list[FloatArray] = field(default_factory=list)
    by_split: dict[Split, list[str]] = field(default_factory=dict)

    def add(self, tile: LabeledTile, split: Split) -> None:
        """Add a tile; only those of the train split count for places and sizes."""
        self.by_split.setdefault(split, []).append(tile.tile_id)
        if split is not Split.TRAIN or not tile.shapes.kind.has_places:
            return
        xyxy, window = tile.shapes.xyxy, tile.window
        centres = (xyxy[:, :2] + xyxy[:, 2:]) / 2
        self.places.append(centres / [window.width, window.height])
        self.sizes.append(np.sqrt(tile.shapes.areas))

    def advice(self, pictures: Pictures, noun: str) -> Iterator[str]:
        """Yield a sentence for each finding."""
        train = [
            pictures.facts[one]
            for one in self.by_split.get(Split.TRAIN, ())
            if one in pictures.facts
        ]
        yield from _narrow(train)
        yield from _unlike(train, pictures.expected)
        yield from self._places(noun)
        yield from self._sizes(noun)
        yield from self._near_duplicates(pictures.facts)
        yield from _doubts(pictures)

    def _places(self, noun: str) -> Iterator[str]:
        places = np.vstack([np.zeros((0, 2)), *self.places])
        if len(places) < _FEW:
            return
        share = float((np.abs(places - 0.5) < 1 / 6).all(axis=1).mean())
        if share > _CENTRED:
            yield (
                f"little variety of place: {share:.0%} of the training {noun} are in the middle of "
                "their tile. Move them: --set training.arguments.translate=0.3, or cut tiles with "
                "another overlap"
            )

    def _sizes(self, noun: str) -> Iterator[str]:
        sizes = np.concatenate([np.zeros(0), *self.sizes])
        if len(sizes) < _FEW:
            return
        low, high = np.quantile(sizes, [0.1, 0.9])
        if high < _ALIKE * low:
            yield (
                f"little variety of size: most training {noun} are {low:.0f} to {high:.0f} pixels "
                "large, so that others may be missed. Vary it: --set training.arguments.scale=0.7"
            )

    def _near_duplicates(self, facts: Mapping[str, PictureFacts]) -> Iterator[str]:
        known = {name: one.hash for name, one in facts.items() if one.hash is not None}
        train = [one for one in self.by_split.get(Split.TRAIN, ()) if one in known]
        held_out = [
            one
            for split in (Split.VAL, Split.TEST)
            for one in self.by_split.get(split, ())
            if one in known
        ]
        table: Hashes = np.array([known[one] for one in train], dtype=np.uint64).reshape(-1, 2)
        leaks = [name for name in held_out if len(table) and _is_near(known[name], table)]
        if leaks:
            yield (
                f"{len(leaks)} of {len(held_out)} tiles of val and test look like training tiles "
                f"({_named(leaks)}), so that scores flatter. Leave one of each out, or ingest "
                "scenes that are alike as one group, such as --set source.group=folder"
            )
        near = [
            name
            for number, name in enumerate(train)
            if number and _is_near(known[name], table[:number])
        ]
        if len(train) >= _FEW and len(near) > _NEAR_SHARE * len(train):
            yield (
                f"near-duplicates: {len(near)} of {len(train)} training tiles look like another "
                f"one ({_named(near)}). Other scenes teach more than further tiles like these"
            )


def _is_near(own: Hashes | None, table: Hashes) -> bool:
    return own is not None and int(distances(own, table).min()) <= NEAR_BITS


def _narrow(train: Sequence[PictureFacts]) -> Iterator[str]:
    if len(train) < _FEW:
        return
    low, high = np.quantile([one.brightness for one in train], [0.05, 0.95])
    if high - low < _NARROW:
        yield (
            f"little variety of brightness: nearly all training tiles are between {low:.2f} and "
            f"{high:.2f} of white. Vary it: --set 'training.augmentations=[{{name: "
            "RandomBrightnessContrast, p: 0.5}]'"
        )


def _unlike(train: Sequence[PictureFacts], expected: Sequence[PictureFacts]) -> Iterator[str]:
    """Yield a sentence for each measure by which pictures to come are unlike training tiles."""
    if min(len(train), len(expected)) < _FEW:
        return
    for name, (less, more) in _MEASURES.items():
        known = np.array([getattr(one, name) for one in train])
        coming = np.array([getattr(one, name) for one in expected])
        low, high = np.quantile(known, [0.01, 0.99])
        below, above = float((coming < low).mean()), float((coming > high).mean())
        if max(below, above) > _OUTSIDE:
            share, word = (below, less) if below > above else (above, more)
            yield (
                f"{share:.0%} of {len(coming)} pictures to be predicted are {word} than 99 % of "
                f"the training tiles ({name} {np.median(coming):.2f} against "
                f"{np.median(known):.2f}). Label some of them: --feedback picks from predictions "
                "over them, or from the service with feedback.source=production"
            )


def _doubts(pictures: Pictures) -> Iterator[str]:
    if pictures.doubtful:
        yield (
            f"doubtful labels: on {len(pictures.doubtful)} of {pictures.compared} tiles the "
            f"detector is sure and the labels say something else ({_named(pictures.doubtful)}). "
            "Look at them: --feedback sends them first, --fiftyone shows them"
        )


def _named(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_EXAMPLES])
    return f"{shown}, ..." if len(names) > _EXAMPLES else shown
