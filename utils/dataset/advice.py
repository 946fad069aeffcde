"""Advice on the labels of a training: what they lack, in numbers, and what helps."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from utils.dataset.labeled import LabeledTile
from utils.dataset.options import CheckOptions
from utils.dataset.splits import Split
from utils.dataset.variety import Pictures, Variety
from utils.geometry import FloatArray
from utils.shapes.shapes import ShapeKind, Shapes

# Images of a class that guides to the training of detectors recommend.
_USUAL_IMAGES = 1000
# Pixels of the network's input that one cell of its finest output covers, in YOLO and RT-DETR.
_FINEST_CELL = 8
_FEW_GROUPS = 5
_MANY_EMPTY = 0.8
_UNEQUAL = 20
_MANY_SMALL = 0.1
_SHOWN = 3
_NO_PICTURES = Pictures()


@dataclass(slots=True)
class _Seen:
    """Counts of the training tiles.

    Attributes:
        tiles: Number of tiles.
        empty: Number of tiles without a label.
        groups: Groups of their scenes.
        images: Number of tiles with a class, by class.
        labels: Number of labels, by class.
        small: Number of labels smaller than the network can see.
        sides: Longest side of each tile, in pixels.
    """

    tiles: int = 0
    empty: int = 0
    groups: set[str] = field(default_factory=set)
    images: Counter[str] = field(default_factory=Counter)
    labels: Counter[str] = field(default_factory=Counter)
    small: int = 0
    sides: list[int] = field(default_factory=list)

    def add(self, tile: LabeledTile, image_size: int) -> None:
        side = max(tile.window.width, tile.window.height)
        self.tiles += 1
        self.empty += not len(tile.shapes)
        self.groups.add(tile.group)
        self.images.update(set(tile.shapes.labels))
        self.labels.update(tile.shapes.labels)
        self.small += int((_sizes(tile.shapes) * image_size / side < _FINEST_CELL).sum())
        self.sides.append(side)


def _sizes(shapes: Shapes) -> FloatArray:
    """The side of a square as large as each shape, in pixels of its tile, shape (n,)."""
    if not shapes.kind.has_places:
        return np.zeros(0)
    return np.asarray(np.sqrt(shapes.areas))


def advice_on(
    tiles: Iterable[LabeledTile],
    splits: Mapping[str, Split],
    kind: ShapeKind,
    class_names: Iterable[str],
    image_size: int,
    options: CheckOptions,
    pictures: Pictures = _NO_PICTURES,
) -> list[str]:
    """Say what the labels of a training lack.

    Args:
        tiles: Labelled tiles of all splits, streamed once.
        splits: Split of each scene.
        kind: Kind of the labels.
        class_names: Classes to learn.
        image_size: Side of the network's input, in pixels.
        options: Number of images of a class that counts as few.
        pictures: Measures of their images, of pictures to come, and doubts about labels.

    Returns:
        One sentence for each finding, with its numbers and a remedy.
    """
    seen, variety = _Seen(), Variety()
    for tile in tiles:
        if (split := splits.get(tile.scene_id)) is None:
            continue
        variety.add(tile, split)
        if split == Split.TRAIN:
            seen.add(tile, image_size)
    if not seen.tiles:
        return []
    noun = kind.noun if kind.has_places else "images"
    advice = [*_few_images(seen, class_names, options), *_unequal(seen, noun), *_few_groups(seen)]
    if kind.has_places:
        advice += [*_empty(seen), *_small(seen, noun, image_size)]
    return [*advice, *variety.advice(pictures, noun)]


def _few_images(seen: _Seen, class_names: Iterable[str], options: CheckOptions) -> Iterator[str]:
    few = {name: seen.images[name] for name in class_names}
    few = {name: count for name, count in few.items() if 0 < count < options.few_images}
    if few:
        fewest = sorted(few.items(), key=lambda named: named[1])
        shown = ", ".join(f"'{name}' in {count}" for name, count in fewest[:_SHOWN])
        more = f", and {len(few) - _SHOWN} more classes" if len(few) > _SHOWN else ""
        yield (
            f"few training tiles of a class: {shown}{more}; {_USUAL_IMAGES:,} are usual. Label "
            "more: --feedback picks the tiles that teach most"
        )


def _unequal(seen: _Seen, noun: str) -> Iterator[str]:
    if len(seen.labels) < 2:
        return
    ((most, many), *_, (least, few)) = seen.labels.most_common()
    if many >= _UNEQUAL * few:
        yield (
            f"unequal classes: {many:,} {noun} of '{most}', {few:,} of '{least}'. Show rare "
            "classes more often: --set training.sampling.rare_share=0.1"
        )


def _few_groups(seen: _Seen) -> Iterator[str]:
    if len(seen.groups) < _FEW_GROUPS < seen.tiles:
        count = len(seen.groups)
        scenes = "scene, or scenes that are alike" if count == 1 else "scenes that differ"
        yield (
            f"little variety: the {seen.tiles} training tiles are of {count} {scenes}. Tiles of "
            "other scenes help more than further tiles of these"
        )


def _empty(seen: _Seen) -> Iterator[str]:
    share = seen.empty / seen.tiles
    if not seen.empty:
        yield (
            "no training tile is empty, so that the detector never sees what is no object. Add "
            "images in which nothing is, or keep empty tiles at the ingest (tiling.empty_tiles)"
        )
    elif share > _MANY_EMPTY:
        yield (
            f"{share:.0%} of the training tiles are empty, and cost time. Leave most of them out: "
            "--set training.sampling.background_share=0.5"
        )


def _small(seen: _Seen, noun: str, image_size: int) -> Iterator[str]:
    total = sum(seen.labels.values())
    if total and seen.small / total > _MANY_SMALL:
        side = int(np.median(seen.sides))
        larger = -(-side // 32) * 32
        remedy = (
            f"Use a larger input: --set training.imgsz={larger}"
            if larger > image_size
            else f"Enlarge them: --set training.imgsz={2 * image_size}"
        )
        yield (
            f"{seen.small / total:.0%} of the training {noun} are smaller than {_FINEST_CELL} "
            f"pixels as the network sees them (tiles of {side} pixels at imgsz {image_size}). "
            f"{remedy}, or cut smaller tiles"
        )
