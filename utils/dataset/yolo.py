"""The layout ultralytics trains on: images by link, labels as text, one `data.yaml`."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from utils.dataset.labeled import LabeledTile
from utils.dataset.splits import Split
from utils.errors import DatasetError
from utils.files import write_whole
from utils.geometry import clip_boxes
from utils.shapes.formats import to_yolo


@dataclass(frozen=True, slots=True)
class YoloDataset:
    """A dataset on disk, ready for ultralytics.

    Attributes:
        data_yaml: Absolute path of the file that describes it.
        class_names: In the order that gives each its index.
        fingerprint: SHA-256, in hex, over everything a training can learn from: images, boxes,
            classes and splits. Equal data has an equal fingerprint wherever it is stored.
        tile_counts: The number of tiles in each split.
    """

    data_yaml: Path
    class_names: tuple[str, ...]
    fingerprint: str
    tile_counts: dict[str, int]


def write_yolo_dataset(
    tiles: Iterable[LabeledTile],
    class_names: Sequence[str],
    splits: Mapping[str, Split],
    images: Mapping[str, Path],
    folder: Path,
) -> YoloDataset:
    """Lay tiles out as `images/<split>/<tile_id>.png` and `labels/<split>/<tile_id>.txt`.

    Files are named by tile id, so equal file names in different scenes never meet. Writing the same
    tiles again changes nothing; files of tiles that are no longer there are removed.

    Args:
        tiles: Consumed once, as a stream; in order of tile id, as `LabeledDataset` yields them.
        class_names: In the order that gives each its index; every label is one of them.
        splits: The split of each scene.
        images: The image of each tile as a local file.
        folder: Where to write; made when missing.

    Raises:
        DatasetError: If there are no tiles to train on or none to validate on.
    """
    folder = folder.absolute()
    class_index = {name: index for index, name in enumerate(class_names)}
    digest = hashlib.sha256(json.dumps(list(class_names)).encode())
    counts: Counter[str] = Counter()
    written: set[Path] = set()
    for tile in tiles:
        split = splits[tile.scene_id]
        written |= _write_tile(tile, split, class_index, images[tile.tile_id], folder)
        digest.update(_content(tile, split))
        counts[split] += 1
    _refuse_missing(counts)
    _remove_others(folder, written)
    data_yaml = _write_description(folder, class_names, counts)
    tile_counts = {split.value: counts[split] for split in Split}
    return YoloDataset(data_yaml, tuple(class_names), digest.hexdigest(), tile_counts)


def _write_tile(
    tile: LabeledTile, split: Split, class_index: Mapping[str, int], image: Path, folder: Path
) -> set[Path]:
    linked = folder / "images" / split / f"{tile.tile_id}{image.suffix.lower()}"
    label = folder / "labels" / split / f"{tile.tile_id}.txt"
    _link(image, linked)
    text = _label_text(tile, class_index)
    if not label.is_file() or label.read_text() != text:
        write_whole(label, text, synced=False)
    return {linked, label}


def _label_text(tile: LabeledTile, class_index: Mapping[str, int]) -> str:
    """One line a box: class index, centre x, centre y, width, height as shares of the tile."""
    width, height = tile.window.width, tile.window.height
    shares = to_yolo(clip_boxes(tile.shapes.xyxy, (0, 0, width, height)), width, height)
    return "".join(
        f"{class_index[label]} {x:.8f} {y:.8f} {w:.8f} {h:.8f}\n"
        for label, (x, y, w, h) in zip(tile.shapes.labels, shares, strict=True)
    )


def _link(image: Path, link: Path) -> None:
    """Make `link` show `image`: as a symbolic link, else a hard link, else a copy."""
    image = image.absolute()
    if link.is_symlink() and link.readlink() == image:
        return
    link.parent.mkdir(parents=True, exist_ok=True)
    link.unlink(missing_ok=True)
    for make in (os.symlink, os.link, shutil.copyfile):
        try:
            make(image, link)
        except OSError as error:
            refused = error
        else:
            return
    raise DatasetError(f"{image} can be neither linked nor copied to {link}: {refused}.")


def _content(tile: LabeledTile, split: Split) -> bytes:
    """The content of a tile that training depends on, as bytes."""
    boxes = [tile.shapes.xyxy.tolist(), tile.shapes.labels]
    return json.dumps([tile.tile_id, split, tile.sha256, boxes]).encode()


def _refuse_missing(counts: Mapping[str, int]) -> None:
    for split in (Split.TRAIN, Split.VAL):
        if not counts.get(split):
            raise DatasetError(
                f"There are no tiles in the {split} split, and training needs some. "
                "Change the fractions, pin a scene to it, or label more tiles."
            )


def _remove_others(folder: Path, written: set[Path]) -> None:
    """Remove what an earlier dataset left here, with the label caches ultralytics made of it."""
    for kind in ("images", "labels"):
        for path in (folder / kind).rglob("*"):
            if path not in written and (path.is_symlink() or path.is_file()):
                path.unlink()


def _write_description(folder: Path, class_names: Sequence[str], counts: Mapping[str, int]) -> Path:
    description = {
        # Absolute, because ultralytics looks for a relative one below its own datasets folder.
        "path": str(folder),
        **{split.value: f"images/{split}" for split in Split if counts.get(split)},
        "names": dict(enumerate(class_names)),
    }
    data_yaml = folder / "data.yaml"
    write_whole(data_yaml, yaml.safe_dump(description, sort_keys=False, allow_unicode=True))
    return data_yaml
