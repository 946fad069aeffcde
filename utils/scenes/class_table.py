"""A CSV file that lists images, each with its class and perhaps its split."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from utils.errors import LabelError, SourceError
from utils.issues import Issue
from utils.labels.objects import NO_IMAGE, NO_LABEL, class_name
from utils.labels.texts import read_text
from utils.scenes.given_splits import split_named
from utils.scenes.image_names import ImageNames

_IMAGE_COLUMNS = (
    *("filepath", "file_path", "filename", "file_name", "file", "image", "image_path", "path"),
    *("image_name", "image_id", "img", "id"),
)
_CLASS_COLUMNS = ("label", "class", "class_name", "category", "species", "target", "labels")
_SPLIT_COLUMNS = ("split", "set", "subset")


@dataclass(slots=True)
class ClassTable:
    """The rows of a table.

    Attributes:
        classes: Classes of each image, each once; more than one where its rows differ.
        splits: Split of each image that has one.
        issues: Rows that cannot be used.
    """

    classes: dict[Path, list[str]] = field(default_factory=dict)
    splits: dict[Path, str] = field(default_factory=dict)
    issues: list[Issue] = field(default_factory=list)


def read_class_table(
    path: Path,
    root: Path,
    images: Sequence[Path],
    image_column: str | None,
    class_column: str | None,
) -> ClassTable:
    """Read a table of images and classes.

    Args:
        path: The file.
        root: Folder that the names of images may be relative to, besides the file's own.
        images: All images of the source.
        image_column: Column of the images; None for one that is usual.
        class_column: Column of the classes; None for one that is usual.

    Raises:
        SourceError: If the file cannot be read or has no such columns.
    """
    rows, columns = _rows(path)
    image_key = _column(path, columns, image_column, _IMAGE_COLUMNS, "image_column")
    class_key = _column(path, columns, class_column, _CLASS_COLUMNS, "class_column")
    split_key = next((name for name in columns if name.lower() in _SPLIT_COLUMNS), "")
    names = ImageNames.of(images)
    table = ClassTable()
    for number, row in enumerate(rows, start=2):
        item = f"{path}: line {number}"
        given = (row.get(image_key) or "").strip()
        image = (
            (names.at(given, (path.parent, root)) or names.meant(given).image) if given else None
        )
        label = class_name(row.get(class_key))
        if image is None:
            detail = f"no image is '{given:.100}'" if given else "it names no image"
            table.issues.append(Issue(item, NO_IMAGE, detail, set_aside=False, lost=1))
            continue
        found = table.classes.setdefault(image, [])
        if label is None:
            detail = f"{given:.100} has no class; it is taken as unlabelled"
            table.issues.append(Issue(item, NO_LABEL, detail, set_aside=False))
        elif label not in found:
            found.append(label)
        if split := split_named((row.get(split_key) or "").strip()):
            table.splits[image] = split
    return table


def _rows(path: Path) -> tuple[list[dict[str, str | None]], list[str]]:
    try:
        lines = read_text(path).lstrip("\ufeff").splitlines()
        first = lines[0] if lines else ""
        delimiter = max(",;\t", key=first.count)
        reader = csv.DictReader(lines, delimiter=delimiter)
        return list(reader), [name for name in reader.fieldnames or () if name]
    except (LabelError, csv.Error) as error:
        raise SourceError(f"The table of classes {path}: {error} Correct `table`.") from None


def _column(
    path: Path, columns: Sequence[str], wanted: str | None, usual: Sequence[str], option: str
) -> str:
    """The name of a column.

    Raises:
        SourceError: If there is none of this name, or none of the usual ones.
    """
    if wanted is not None:
        found = [name for name in columns if name == wanted]
    else:
        by_name = {name.strip().lower(): name for name in columns}
        found = [by_name[name] for name in usual if name in by_name]
    if not found:
        named = f"no column '{wanted}'" if wanted else "no column that is known"
        raise SourceError(
            f"{path} has {named}. Set `{option}` to one of: {', '.join(columns) or 'none'}."
        )
    return found[0]
