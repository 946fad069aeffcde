"""How often a training sees each of its tiles."""

from __future__ import annotations

import hashlib
import shutil
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import replace
from math import sqrt
from pathlib import Path

import yaml

from utils.dataset.options import SamplingOptions
from utils.dataset.splits import Split
from utils.dataset.yolo import YoloDataset, link_image
from utils.files import write_whole

_HASH_BYTES = 8
_NAME_LENGTH = 16
_EVERY_TILE_ONCE = SamplingOptions()


def sampled(dataset: YoloDataset, options: SamplingOptions) -> YoloDataset:
    """The dataset with its training tiles seen as often as the options say.

    Its description lies beside that of the whole dataset and names a list of images.

    Args:
        dataset: From `write_yolo_dataset`.
        options: By default every tile is seen once, and the dataset is returned as it is.
    """
    if options == _EVERY_TILE_ONCE:
        return dataset
    images = {path.stem: path for path in train_images(dataset)}
    times = times_seen({tile_id: _classes(dataset, images[tile_id]) for tile_id in images}, options)
    fingerprint = hashlib.sha256(
        f"{dataset.fingerprint} {options.model_dump_json()}".encode()
    ).hexdigest()
    shown = {images[tile]: count for tile, count in times.items()}
    return replace(
        dataset,
        data_yaml=described(dataset, shown, fingerprint),
        fingerprint=fingerprint,
        tile_counts=dataset.tile_counts | {Split.TRAIN.value: sum(times.values())},
    )


def described(dataset: YoloDataset, times: Mapping[Path, int], fingerprint: str) -> Path:
    """Write the description of a dataset whose training images are seen so many times.

    Args:
        dataset: The whole dataset.
        times: Number of times that an epoch shows each training image; others are left out.
        fingerprint: Identity of the result.
    """
    describe = _listed if dataset.kind.has_places else _linked
    return describe(dataset, times, fingerprint[:_NAME_LENGTH])


def train_images(dataset: YoloDataset) -> list[Path]:
    """The images of the train split, by tile id."""
    is_classified = not dataset.kind.has_places
    folder = dataset.root / Split.TRAIN if is_classified else dataset.root / "images" / Split.TRAIN
    found = folder.glob("*/*") if is_classified else folder.iterdir()
    return sorted(found, key=lambda path: path.stem)


def _listed(dataset: YoloDataset, times: Mapping[Path, int], name: str) -> Path:
    """Describe the dataset with a list of training images; returns the description."""
    folder = dataset.root
    lines = [f"./{image.relative_to(folder)}\n" * count for image, count in times.items()]
    write_whole(folder / f"train-{name}.txt", "".join(lines))
    description = yaml.safe_load(dataset.data_yaml.read_text(encoding="utf-8"))
    description |= {Split.TRAIN.value: f"train-{name}.txt"}
    data_yaml = folder / f"data-{name}.yaml"
    write_whole(data_yaml, yaml.safe_dump(description, sort_keys=False, allow_unicode=True))
    return data_yaml


def _linked(dataset: YoloDataset, times: Mapping[Path, int], name: str) -> Path:
    """Lay the classes out once more, with as many links to an image as it is seen times.

    Ultralytics reads images with classes from folders only.
    """
    folder = dataset.root / f"sampled-{name}"
    shutil.rmtree(folder, ignore_errors=True)
    for split in Split:
        for class_folder in (dataset.root / split).glob("*"):
            (folder / split / class_folder.name).mkdir(parents=True)
            for image in () if split == Split.TRAIN else class_folder.iterdir():
                link_image(image.resolve(), folder / image.relative_to(dataset.root))
    for image, count in times.items():
        place = folder / image.relative_to(dataset.root)
        for number in range(count):
            again = place if not number else place.with_stem(f"{place.stem}-{number}")
            link_image(image.resolve(), again)
    names = folder / dataset.data_yaml.name
    write_whole(names, dataset.data_yaml.read_text(encoding="utf-8"))
    return names


def times_seen(classes: Mapping[str, Collection[str]], options: SamplingOptions) -> dict[str, int]:
    """How often an epoch shows each tile; those it does not show are left out.

    Where chance would decide, a hash of the tile id does, so that the same tiles give the same
    answer. Rare classes are repeated as in LVIS (Gupta et al. 2019, arXiv:1908.03195): a tile is
    shown as often as its rarest class asks for, which is the square root of `rare_share` over the
    share of tiles with the class.

    Args:
        classes: The classes in each training tile, by tile id.
        options: The share of empty tiles, and what is rare.
    """
    kept = _limit_background(classes, options.background_share)
    tiles_with = Counter(name for tile_id in kept for name in set(classes[tile_id]))
    wanted = {
        name: max(1.0, sqrt(options.rare_share * len(kept) / count))
        for name, count in tiles_with.items()
    }
    return {
        tile_id: _whole(max((wanted[name] for name in classes[tile_id]), default=1.0), tile_id)
        for tile_id in kept
    }


def _classes(dataset: YoloDataset, image: Path) -> set[str]:
    """The number of each class in a training tile."""
    if not dataset.kind.has_places:
        return {image.parent.name}
    labels = dataset.root / "labels" / Split.TRAIN / f"{image.stem}.txt"
    return {line.split()[0] for line in labels.read_text().splitlines()}


def _limit_background(classes: Mapping[str, Collection[str]], share: float) -> list[str]:
    """The ids of the tiles with boxes, and of as many empty ones as may be."""
    empty = sorted((tile_id for tile_id in classes if not classes[tile_id]), key=chance)
    filled = len(classes) - len(empty)
    if not filled or share == 1:
        return list(classes)
    left_out = set(empty[round(filled * share / (1 - share)) :])
    return [tile_id for tile_id in classes if tile_id not in left_out]


def _whole(times: float, tile_id: str) -> int:
    """A whole number that is `times` on average over many tiles."""
    return int(times) + (chance(tile_id) < times % 1)


def chance(tile_id: str) -> float:
    """A number in [0, 1) that only the id decides."""
    digest = hashlib.sha256(f"sampling/{tile_id}".encode()).digest()
    return int.from_bytes(digest[:_HASH_BYTES]) / float(1 << 8 * _HASH_BYTES)
