"""Preview of the augmentations on some tiles: each one alone, and all of them together."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from heapq import nsmallest
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from utils.dataset.labeled import LabeledDataset, LabeledTile
from utils.dataset.splits import Split
from utils.dataset.yolo import YoloDataset, write_yolo_dataset
from utils.detection.augmentations import certainly, names_of
from utils.detection.ultralytics.arguments import checked_arguments
from utils.detection.ultralytics.library import quiet
from utils.detection.ultralytics.options import TrainingOptions
from utils.geometry import FloatArray
from utils.shapes.formats import from_yolo
from utils.shapes.outlines import as_outlines, of_corners, polygonal
from utils.shapes.shapes import ShapeKind, Shapes

# Number of tiles to show, and of tiles to make mosaics with.
_SHOWN, _SAMPLED = 6, 16
_VERSIONS = 3


@dataclass(frozen=True, slots=True)
class View:
    """One version of a tile.

    Attributes:
        caption: The augmentations applied, in words.
        pixels: RGB pixels, uint8 of shape (height, width, 3).
        boxes: Shapes in these pixels.
    """

    caption: str
    pixels: NDArray[np.uint8]
    boxes: Shapes


@dataclass(frozen=True, slots=True)
class AugmentedTile:
    """A training tile with its augmented versions.

    Attributes:
        tile_id: Id of the tile.
        original: The tile, only resized.
        alone: The tile with each listed augmentation alone, applied for certain.
        trained: Versions that the training may see, ultralytics' own augmentations included.
    """

    tile_id: str
    original: View
    alone: tuple[View, ...]
    trained: tuple[View, ...]


def preview_augmentations(
    labels: LabeledDataset,
    splits: Mapping[str, Split],
    images: Mapping[str, Path],
    folder: Path,
    options: TrainingOptions,
) -> list[AugmentedTile]:
    """Augment some training tiles as the training will; the same options give the same result.

    Args:
        labels: Labelled tiles, streamed once.
        splits: Split of each scene.
        images: The image of each tile as a local file, by tile id.
        folder: Receives the tiles to show and the tiles for their mosaics.
        options: Options of the training to come.

    Returns:
        Six tiles, tiles with shapes first; none if there is nothing to train or validate on, which
        the training itself refuses, and none for classes of whole images, which have no shape.

    Raises:
        ConfigurationError: If the training would refuse the value of an argument.
    """
    if not labels.kind.has_places:
        return []
    sample = _sample(labels, splits, options.seed)
    if {splits[tile.scene_id] for tile in sample} != {Split.TRAIN, Split.VAL}:
        return []
    names = labels.class_names
    dataset = write_yolo_dataset(sample, names, splits, images, folder / "previewed", labels.kind)
    overrides = checked_arguments(options, labels.kind)
    augmentations = overrides["augmentations"]
    with quiet(), _seeded(options.seed):
        plain = _dataset_of(dataset, overrides, mode="val")
        augmenting = _dataset_of(dataset, overrides, mode="train")
        alone = list(zip(names_of(augmentations), map(_transform, augmentations), strict=True))
        return [
            AugmentedTile(
                tile_id=Path(plain.im_files[index]).stem,
                original=_loaded("original", plain.get_image_and_label(index), dataset),
                alone=tuple(
                    _loaded(caption, transform(plain.get_image_and_label(index)), dataset)
                    for caption, transform in alone
                ),
                trained=tuple(
                    _trained(f"in training, {number}", augmenting, index, dataset)
                    for number in range(1, _VERSIONS + 1)
                ),
            )
            for index in _most_telling(plain.labels)
        ]


def _sample(
    tiles: Iterable[LabeledTile], splits: Mapping[str, Split], seed: int
) -> list[LabeledTile]:
    """Some tiles of train, tiles with boxes first, and one tile of val, in order of tile id."""

    def place(tile: LabeledTile) -> tuple[bool, str]:
        digest = hashlib.sha256(f"{seed} {tile.tile_id}".encode()).hexdigest()
        return not len(tile.shapes), digest

    validating: list[LabeledTile] = []

    def training() -> Iterator[LabeledTile]:
        for tile in tiles:
            split = splits.get(tile.scene_id)
            if split == Split.TRAIN:
                yield tile
            elif split == Split.VAL and not validating:
                validating.append(tile)

    chosen = nsmallest(_SAMPLED, training(), key=place)
    return sorted([*chosen, *validating], key=lambda tile: tile.tile_id)


def _dataset_of(dataset: YoloDataset, overrides: Mapping[str, Any], mode: str) -> Any:
    """Ultralytics' dataset of the training tiles, augmented if the mode is "train"."""
    from ultralytics.cfg import get_cfg
    from ultralytics.data.build import build_yolo_dataset

    names = dict(enumerate(dataset.class_names))
    described = {"names": names, "nc": len(names), "channels": 3}
    images = dataset.data_yaml.parent / "images" / Split.TRAIN
    # All tiles in both modes: a `fraction` would apply to the mode "train" only.
    chosen = {**overrides, "task": dataset.kind.value, "cache": False, "fraction": 1.0}
    configured = get_cfg(overrides=chosen)
    built = build_yolo_dataset(configured, str(images), _SAMPLED, described, mode=mode)
    for index in range(len(built)):
        built.load_image(index)  # mosaics are made of tiles that were loaded before
    return built


def _transform(argument: Mapping[str, Any]) -> Any:
    """One augmentation as ultralytics applies it, each time."""
    from ultralytics.data.augment import Albumentations

    return Albumentations(transforms=[certainly(argument)])


def _most_telling(labels: Sequence[Mapping[str, Any]]) -> list[int]:
    """Positions of the tiles to show, tiles with boxes first."""
    return sorted(range(len(labels)), key=lambda index: not len(labels[index]["cls"]))[:_SHOWN]


def _loaded(caption: str, label: Mapping[str, Any], dataset: YoloDataset) -> View:
    """A view of ultralytics' label while it is augmented: BGR, and boxes of any format."""
    height, width = label["img"].shape[:2]
    instances = label["instances"]
    instances.convert_bbox("xyxy")
    instances.denormalize(width, height)
    names = tuple(dataset.class_names[int(index)] for index in np.ravel(label["cls"]))
    if dataset.kind.has_outlines:
        shapes = _outlined(instances.segments, names, dataset.kind)
    else:
        shapes = Shapes(np.asarray(instances.bboxes, dtype=float).reshape(-1, 4), names)
    return View(caption, np.ascontiguousarray(label["img"][..., ::-1]), shapes)


def _outlined(points: FloatArray, names: Sequence[str], kind: ShapeKind) -> Shapes:
    """Shapes from their points (n, k, 2); parts joined by bridges become parts again."""
    import shapely

    if not len(points):
        return Shapes()
    whole = shapely.buffer(of_corners(points), 0)
    shapes = Shapes.of_outlines(polygonal(as_outlines(whole)), names)
    return shapes.select(shapes.areas > 0).brought_to(kind)


def _trained(caption: str, augmenting: Any, index: int, dataset: YoloDataset) -> View:
    """A view of a tile as the training sees it."""
    if not dataset.kind.has_outlines:
        return _formatted(caption, augmenting[index], dataset.class_names)
    label = augmenting.get_image_and_label(index)
    # The last transform makes masks and angles of the outlines.
    for transform in augmenting.transforms.transforms[:-1]:
        label = transform(label)
    return _loaded(caption, label, dataset)


def _formatted(caption: str, item: Mapping[str, Any], class_names: Sequence[str]) -> View:
    """A view of the network's input: RGB with channels first, boxes as shares of the image."""
    pixels = np.ascontiguousarray(item["img"].numpy().transpose(1, 2, 0))
    height, width = pixels.shape[:2]
    boxes = from_yolo(item["bboxes"].numpy().astype(float), width, height)
    labels = tuple(class_names[int(index)] for index in np.ravel(item["cls"].numpy()))
    return View(caption, pixels, Shapes(boxes, labels))


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Within a block, seed all generators that augmentations use; then restore them."""
    import torch

    before = random.getstate(), np.random.get_state(), torch.get_rng_state()
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)
    try:
        yield
    finally:
        random.setstate(before[0])
        np.random.set_state(before[1])
        torch.set_rng_state(before[2])
