"""The classes of a YOLO source and the lists of its images, from the files beside them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from utils.errors import LabelError, SourceError
from utils.issues import Issue
from utils.labels.class_lists import (
    DataYaml,
    read_data_yaml,
    read_name_list,
    read_notes,
    read_obj_data,
)
from utils.labels.objects import UNREADABLE_LABEL
from utils.labels.texts import read_text
from utils.labels.yolo_lines import YoloClasses
from utils.scenes.given_splits import split_named
from utils.scenes.image_files import files_below
from utils.scenes.image_names import ImageNames, plain, plain_parts
from utils.scenes.options import YoloSource

SEVERAL_LISTS = "several lists of classes"
NOT_IN_LISTS = "images in no list of a split"
MISSING_IMAGE = "listed image is missing"
NAME_LISTS = ("classes.txt", "obj.names", "_darknet.labels", "labels.txt", "predefined_classes.txt")
_EXAMPLES = 3


@dataclass(slots=True)
class YoloSettings:
    """The settings in the files beside the labels.

    Attributes:
        classes: The meaning of the columns of labels.
        lists: Text files that name the images of splits.
        folders: Folders that the names in them may be relative to.
        issues: Files passed over.
    """

    classes: YoloClasses
    lists: list[Path] = field(default_factory=list)
    folders: list[Path] = field(default_factory=list)
    issues: list[Issue] = field(default_factory=list)


def read_settings(root: Path, options: YoloSource, *, are_named: bool = True) -> YoloSettings:
    """Read the class names and the lists of images of a YOLO source.

    Args:
        root: Folder of the source.
        options: Its options.
        are_named: Whether classes need names, since the labels hold numbers.

    Raises:
        SourceError: If the class numbers have no names, or two files name them differently and
            none is called `data.yaml`.
    """
    issues: list[Issue] = []
    data = _data_yaml(root, options, issues)
    names = dict(sorted(data.names.items())) if data else {}
    names = names or _listed_names(root, issues) or dict(enumerate(options.classes))
    if not names and are_named:
        hint = f" {issues[0].detail}" if issues else " there is no data.yaml or classes.txt."
        raise SourceError(
            f"The class numbers in {root} have no names:{hint} "
            "Name the classes 0, 1, 2, ... in `classes`."
        )
    classes = YoloClasses(names, data.keypoint_values if data else 0)
    settings = YoloSettings(classes, issues=issues)
    settings.folders = [root, *([root / data.folder] if data and data.folder else [])]
    settings.lists = _split_lists(root, data, settings.folders)
    return settings


def _data_yaml(root: Path, options: YoloSource, issues: list[Issue]) -> DataYaml | None:
    """The YAML file that counts: the one named, `data.yaml`, or the only one with names."""
    if options.data_yaml is not None:
        if not (root / options.data_yaml).is_file():
            raise SourceError(f"There is no file {root / options.data_yaml}. Correct `data_yaml`.")
        return _read_or_refuse(root / options.data_yaml)
    found: list[tuple[Path, DataYaml]] = []
    for path in sorted(p for p in root.iterdir() if p.suffix.lower() in (".yaml", ".yml")):
        if path.stem.lower() == "data":
            found.insert(0, (path, _read_or_refuse(path)))
            continue
        try:
            found.append((path, read_data_yaml(path)))
        except LabelError as error:
            issues.append(Issue(str(path), UNREADABLE_LABEL, str(error), set_aside=False))
    named = [(path, data) for path, data in found if data.names]
    others = [path for path, data in named[1:] if data.names != named[0][1].names]
    if others and named[0][0].stem.lower() != "data":
        names = ", ".join(path.name for path, _ in named)
        raise SourceError(f"{names} in {root} name the classes differently. Choose a `data_yaml`.")
    for path in others:
        detail = f"its names differ from those of {named[0][0].name}, which count"
        issues.append(Issue(str(path), SEVERAL_LISTS, detail, set_aside=False))
    return named[0][1] if named else found[0][1] if found else None


def _read_or_refuse(path: Path) -> DataYaml:
    try:
        return read_data_yaml(path)
    except LabelError as error:
        raise SourceError(f"{error} Mend it, or name another in `data_yaml`.") from None


def _listed_names(root: Path, issues: list[Issue]) -> dict[int, str]:
    """Class names from the lists that other tools write, the one nearest to the root first."""
    wanted = (*NAME_LISTS, "notes.json")
    found = [
        path
        for path in files_below(root, (".txt", ".names", ".labels", ".json").__contains__)
        if path.name.lower() in wanted
    ]
    found.sort(key=lambda path: (len(path.parts), wanted.index(path.name.lower()), path))
    named: list[tuple[Path, dict[int, str]]] = []
    for path in found:
        try:
            reader = read_notes if path.suffix.lower() == ".json" else read_name_list
            named.append((path, reader(path)))
        except LabelError as error:
            issues.append(Issue(str(path), UNREADABLE_LABEL, str(error), set_aside=False))
    for path, names in named[1:]:
        if any(named[0][1].get(number, name) != name for number, name in names.items()):
            detail = f"its names differ from those of {named[0][0]}, which count"
            issues.append(Issue(str(path), SEVERAL_LISTS, detail, set_aside=False))
    return named[0][1] if named else {}


def _split_lists(root: Path, data: DataYaml | None, folders: Sequence[Path]) -> list[Path]:
    """The text files that a YAML file, or darknet's `obj.data`, names as lists of images."""
    wanted = list(data.splits) if data else []
    settings = root / "obj.data"
    if not wanted and settings.is_file():
        try:
            found = read_obj_data(settings)
        except LabelError:
            found = {}
        wanted = [found[key] for key in ("train", "valid", "test") if key in found]
    names = ImageNames.of(files_below(root, ".txt".__eq__))
    lists = (names.at(name, folders) or names.meant(name).image for name in map(_slashes, wanted))
    return list(dict.fromkeys(path for path in lists if path is not None))


def _slashes(name: str) -> str:
    return name.replace("\\", "/") if plain(name).endswith(".txt") else ""


def images_in_lists(
    images: Sequence[Path], settings: YoloSettings
) -> tuple[list[Path], list[Issue]]:
    """The images that the lists of splits name, or all where there are none, and what is missing.

    Raises:
        SourceError: If a list cannot be read.
    """
    if not settings.lists:
        return list(images), []
    names = ImageNames.of(images)
    chosen: set[Path] = set()
    missing: list[str] = []
    for path in settings.lists:
        folders = (path.parent, *settings.folders)
        for line in _lines(path):
            image = names.at(line, folders) or names.meant(line).image
            if image is None:
                missing.append(f"{path.name}: {line}")
            else:
                chosen.add(image)
    lists = ", ".join(path.name for path in settings.lists)
    if not chosen:
        detail = f"none of the images that {lists} name is there; all images are read"
        return list(images), [Issue(lists, MISSING_IMAGE, detail, set_aside=False)]
    issues = [Issue(item, MISSING_IMAGE, "no image has this name") for item in missing]
    left = [image for image in images if image not in chosen]
    if left:
        first = ", ".join("/".join(plain_parts(str(image))[-2:]) for image in left[:_EXAMPLES])
        detail = f"{len(left)} images are in none of {lists} and are not read: {first}"
        issues.append(Issue(lists, NOT_IN_LISTS, detail, set_aside=False))
    return [image for image in images if image in chosen], issues


def splits_in_lists(images: Sequence[Path], settings: YoloSettings) -> dict[Path, str]:
    """The split of each image that a list names, by the name of the list, such as `train.txt`.

    Raises:
        SourceError: If a list cannot be read.
    """
    found: dict[Path, str] = {}
    lists = [(path, split) for path in settings.lists if (split := split_named(path.stem))]
    names = ImageNames.of(images) if lists else None
    for path, split in lists:
        for line in _lines(path):
            if names and (image := names.at(line, (path.parent, *settings.folders))):
                found.setdefault(image, split)
    return found


def _lines(path: Path) -> list[str]:
    try:
        lines = read_text(path).splitlines()
    except LabelError as error:
        raise SourceError(f"The list of images {error} Mend or remove it.") from None
    return list(dict.fromkeys(line.strip() for line in lines if line.strip()))
