"""The layout ultralytics trains on: images by link, and labels by kind.

data.yaml                        describes boxes, oriented boxes and polygons
images/<split>/<tile_id>.png     links
labels/<split>/<tile_id>.txt     one line a shape

.ndjson.yaml                     names the classes of whole images; their folders are numbers
<split>/<index>/<tile_id>.png    links, by class
"""

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
from utils.dataset.yolo_rows import label_text
from utils.errors import DatasetError
from utils.files import write_whole
from utils.shapes.outlines import to_wkb
from utils.shapes.shapes import ShapeKind

# Ultralytics reads the names of the classes from here, so that folders can be numbers: a class name
# may be no name of a folder, and sorted folder names would bring the classes into another order.
CLASS_NAMES_FILE = ".ndjson.yaml"


@dataclass(frozen=True, slots=True)
class YoloDataset:
    """A dataset on disk, ready for ultralytics.

    Attributes:
        data_yaml: Absolute path of the file that describes it; for classes of whole images it is
            the file with their names.
        class_names: In the order that gives each its index.
        fingerprint: SHA-256, in hex, over everything a training can learn from: images, shapes,
            their kind, classes and splits. Equal data has an equal fingerprint wherever it is
            stored.
        tile_counts: The number of tiles in each split.
        kind: The kind of the shapes.
    """

    data_yaml: Path
    class_names: tuple[str, ...]
    fingerprint: str
    tile_counts: dict[str, int]
    kind: ShapeKind = ShapeKind.DETECT

    @property
    def root(self) -> Path:
        """The folder of the dataset."""
        return self.data_yaml.parent

    @property
    def source(self) -> Path:
        """The file or folder that ultralytics is told to train on."""
        return self.data_yaml if self.kind.has_places else self.root


def write_yolo_dataset(
    tiles: Iterable[LabeledTile],
    class_names: Sequence[str],
    splits: Mapping[str, Split],
    images: Mapping[str, Path],
    folder: Path,
    kind: ShapeKind = ShapeKind.DETECT,
) -> YoloDataset:
    """Lay tiles out for ultralytics, as the kind of their shapes needs it.

    Files are named by tile id, so equal file names in different scenes never meet. Writing the same
    tiles again changes nothing; files of tiles that are no longer there are removed.

    Args:
        tiles: Consumed once, as a stream; in order of tile id, as `LabeledDataset` yields them.
        class_names: In the order that gives each its index; every label is one of them.
        splits: The split of each scene.
        images: The image of each tile as a local file.
        folder: Where to write; made when missing.
        kind: The kind of the shapes of all tiles.

    Raises:
        DatasetError: If there are no tiles to train on or none to validate on, or a tile has shapes
            of another kind, or not one class where whole images have classes.
    """
    folder = folder.absolute()
    class_index = {name: index for index, name in enumerate(class_names)}
    digest = hashlib.sha256(json.dumps(_identity(class_names, kind)).encode())
    counts: Counter[str] = Counter()
    written: set[Path] = set()
    write_tile = _write_tile if kind.has_places else _write_classified
    for tile in tiles:
        split = splits[tile.scene_id]
        _require_kind(tile, kind)
        written |= write_tile(tile, split, class_index, images[tile.tile_id], folder)
        digest.update(_content(tile, split))
        counts[split] += 1
    _refuse_missing(counts)
    _remove_others(folder, written)
    describe = _write_description if kind.has_places else _write_class_names
    data_yaml = describe(folder, class_names, counts)
    tile_counts = {split.value: counts[split] for split in Split}
    return YoloDataset(data_yaml, tuple(class_names), digest.hexdigest(), tile_counts, kind)


def _identity(class_names: Sequence[str], kind: ShapeKind) -> list[str]:
    """The beginning of the fingerprint, which is that of earlier versions for boxes."""
    return [*class_names] if kind.is_upright else [kind.value, *class_names]


def _require_kind(tile: LabeledTile, kind: ShapeKind) -> None:
    shapes = tile.shapes
    if len(shapes) and shapes.kind != kind:
        raise DatasetError(
            f"Tile {tile.tile_id} has {shapes.kind.noun}, where the dataset has {kind.noun}. "
            "Export the labels again."
        )
    if not kind.has_places and len(shapes) != 1:
        raise DatasetError(
            f"Tile {tile.tile_id} has {len(shapes)} classes, and a training of {kind.noun} needs "
            "one. Check the labels before they are laid out, as the training pipeline does."
        )


def _write_classified(
    tile: LabeledTile, split: Split, class_index: Mapping[str, int], image: Path, folder: Path
) -> set[Path]:
    index = class_index[tile.shapes.labels[0]]
    linked = folder / split / class_folder(index) / f"{tile.tile_id}{image.suffix.lower()}"
    link_image(image, linked)
    return {linked}


def class_folder(index: int) -> str:
    """The name of a class' folder; in order of these names the classes are in their order."""
    return f"{index:06d}"


def _write_tile(
    tile: LabeledTile, split: Split, class_index: Mapping[str, int], image: Path, folder: Path
) -> set[Path]:
    linked = folder / "images" / split / f"{tile.tile_id}{image.suffix.lower()}"
    label = folder / "labels" / split / f"{tile.tile_id}.txt"
    link_image(image, linked)
    text = label_text(tile.shapes, *_size(tile), class_index)
    if not label.is_file() or label.read_text() != text:
        write_whole(label, text, synced=False)
    return {linked, label}


def _size(tile: LabeledTile) -> tuple[int, int]:
    return tile.window.width, tile.window.height


def link_image(image: Path, link: Path) -> None:
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
    text = json.dumps([tile.tile_id, split, tile.sha256, boxes]).encode()
    outlines = tile.shapes.outlines
    return text if outlines is None else b"".join([text, *to_wkb(outlines)])


def _refuse_missing(counts: Mapping[str, int]) -> None:
    for split in (Split.TRAIN, Split.VAL):
        if not counts.get(split):
            raise DatasetError(
                f"There are no tiles in the {split} split, and training needs some. "
                "Change the fractions, pin a scene to it, or label more tiles."
            )


def _remove_others(folder: Path, written: set[Path]) -> None:
    """Remove what an earlier dataset left here, with the label caches ultralytics made of it."""
    for kind in ("images", "labels", *Split):
        for path in (folder / kind).rglob("*"):
            if path not in written and (path.is_symlink() or path.is_file()):
                path.unlink()
    for cache in folder.glob("*.cache"):
        cache.unlink()


def _write_class_names(folder: Path, class_names: Sequence[str], counts: Mapping[str, int]) -> Path:
    """Write the names of the classes, and make a folder for each class in each split.

    A class without images in a split keeps its number there.
    """
    for split in Split:
        if not counts.get(split):
            shutil.rmtree(folder / split, ignore_errors=True)
            continue
        wanted = {class_folder(index) for index in range(len(class_names))}
        for name in wanted:
            (folder / split / name).mkdir(parents=True, exist_ok=True)
        for other in (folder / split).iterdir():
            if other.name not in wanted:
                shutil.rmtree(other)
    names = {"names": dict(enumerate(class_names))}
    file = folder / CLASS_NAMES_FILE
    write_whole(file, yaml.safe_dump(names, sort_keys=False, allow_unicode=True))
    return file


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
