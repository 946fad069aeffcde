"""YOLO: one text file for each image, a line for each box."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from utils.box_formats import from_yolo
from utils.errors import ImageError, SourceError
from utils.geometry import Boxes, FloatArray
from utils.images.files import upright_size
from utils.issues import IssueReport
from utils.scenes.image_files import (
    bytes_of,
    files_below,
    images_below,
    scene_from,
)
from utils.scenes.labels import (
    NO_IMAGE,
    NO_LABEL,
    UNKNOWN_CLASS,
    UNREADABLE_LABEL,
    boxes_from,
    coordinate,
)
from utils.scenes.mirror import dataset_folder
from utils.scenes.options import YoloSource
from utils.scenes.scene import Scene, SceneSource
from utils.scenes.selection import Selection

_BOX_FIELDS = 5
_SMALLEST_OUTLINE_FIELDS = 7


def open_yolo(options: YoloSource) -> SceneSource:
    """Open a folder of images and text files in any of YOLO's layouts.

    Raises:
        SourceError: If the folder is missing, has no image or no label, or its classes have no
            names.
    """
    dataset = dataset_folder(options.path)
    root = dataset.root
    images = images_below(root)
    if not any(_label_of(image, root).is_file() for image in images):
        raise SourceError(
            f"No image below {root} has a label file. "
            "The labels of images/x.jpg belong in labels/x.txt; or read the images as a `folder`."
        )
    name = options.name or root.name
    class_names = _class_names(root, options)

    def read(report: IssueReport, selection: Selection) -> Iterator[Scene]:
        for image, copy in dataset.fetched(selection.of(images), report):
            yield from _read_scene(name, root, image, copy, class_names, report)
        if selection.ends_with(len(images)):
            _note_orphans(root, images, report)

    classes = tuple(class_names.values())
    return SceneSource(name, classes, len(images), read, partial(bytes_of, images))


def _class_names(root: Path, options: YoloSource) -> dict[int, str]:
    """The names of the class numbers, from a YAML file or from the options, by rising number."""
    for path in _yaml_files(root, options.data_yaml):
        names = _names_in(path)
        if names:
            return dict(sorted(names.items()))
    if not options.classes:
        raise SourceError(
            f"The class numbers in {root} have no names: there is no data.yaml. "
            "Name the classes 0, 1, 2, ... in `classes`."
        )
    return dict(enumerate(options.classes))


def _yaml_files(root: Path, wanted: Path | None) -> list[Path]:
    if wanted is not None:
        if not (root / wanted).is_file():
            raise SourceError(f"There is no file {root / wanted}. Correct `data_yaml`.")
        return [root / wanted]
    found = [path for path in root.iterdir() if path.suffix.lower() in (".yaml", ".yml")]
    return sorted(found, key=lambda path: (path.stem != "data", path))


def _names_in(path: Path) -> dict[int, str]:
    try:
        content: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
        names = content.get("names") if isinstance(content, dict) else None
        if isinstance(names, list):
            names = dict(enumerate(names))
        return {int(number): str(label) for number, label in (names or {}).items()}
    except (yaml.YAMLError, OSError, ValueError, AttributeError) as error:
        raise SourceError(
            f"{path} has no readable class names ({str(error).splitlines()[0]}). "
            "Its `names` must be a list of names, or a mapping of numbers to names."
        ) from error


def _label_of(image: Path, root: Path) -> Path:
    """The label file of an image: `images` replaced by `labels` in its path, or beside it."""
    parts = list(image.relative_to(root).with_suffix(".txt").parts)
    beside = root.joinpath(*parts)
    folders = [index for index, part in enumerate(parts[:-1]) if part == "images"]
    if folders:
        parts[folders[-1]] = "labels"
    label = root.joinpath(*parts)
    return beside if beside.is_file() and not label.is_file() else label


def _read_scene(
    name: str,
    root: Path,
    image: Path,
    copy: Path,
    class_names: dict[int, str],
    report: IssueReport,
) -> Iterator[Scene]:
    label = _label_of(image, root)
    if not label.is_file():
        detail = f"there is no {label}; the scene is taken as labelled and empty"
        report.add(image, NO_LABEL, detail, set_aside=False)
        yield scene_from(name, root, image, Boxes(), copy)
        return
    try:
        width, height = upright_size(copy)
        lines = label.read_text(encoding="utf-8", errors="replace").splitlines()
    except ImageError as error:
        report.add(image, "image does not decode", error)
        return
    except OSError as error:
        report.add(image, UNREADABLE_LABEL, f"{label} cannot be read ({error.strerror})")
        return
    boxes = _boxes_in(lines, label, class_names, width, height, report)
    yield scene_from(name, root, image, boxes, copy)


def _boxes_in(
    lines: Sequence[str],
    label: Path,
    class_names: dict[int, str],
    width: int,
    height: int,
    report: IssueReport,
) -> Boxes:
    """The boxes in the lines of a label file, in pixels; lines that say nothing are reported."""
    shares, names = [], []
    for number, line in enumerate(lines, start=1):
        fields = [coordinate(field) for field in line.split()]
        if not fields:
            continue
        box = _box_of(fields[1:])
        if box is None or not np.isfinite(fields[0]):
            detail = f"line {number} is neither a box nor an outline"
            report.add(label, UNREADABLE_LABEL, detail, set_aside=False)
        elif fields[0] not in class_names:
            detail = f"line {number} has class {fields[0]:g}; known are 0 to {max(class_names)}"
            report.add(label, UNKNOWN_CLASS, detail, set_aside=False)
        else:
            shares.append(box)
            names.append(class_names[int(fields[0])])
    return boxes_from(from_yolo(shares, width, height), names)


def _box_of(numbers: Sequence[float]) -> Sequence[float] | None:
    """Centre and size of a box, or of the box around an outline of at least three points."""
    fields = len(numbers) + 1
    if fields == _BOX_FIELDS:
        return numbers
    if fields < _SMALLEST_OUTLINE_FIELDS or fields % 2 == 0:
        return None
    points: FloatArray = np.array(numbers, dtype=np.float64).reshape(-1, 2)
    low, high = points.min(axis=0), points.max(axis=0)
    return [*((low + high) / 2), *(high - low)]


def _note_orphans(root: Path, images: list[Path], report: IssueReport) -> None:
    """Report label files that belong to no image: those in folders where labels are."""
    used = {_label_of(image, root) for image in images}
    folders = {label.parent for label in used if label.is_file()}
    for label in files_below(root, ".txt".__eq__):
        if label.parent in folders and label not in used:
            report.add(label, NO_IMAGE, "no image belongs to it", set_aside=False)
