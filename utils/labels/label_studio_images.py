"""The images of a Label Studio task, and the entries of an annotation that belong to each."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from utils.images.formats import IMAGE_SUFFIXES
from utils.labels.label_studio_regions import NO_SHAPES

# A suffix may be followed by the query of an address, as in signed ones.
_SUFFIX = re.compile(rf"({'|'.join(map(re.escape, IMAGE_SUFFIXES))})(?=$|[?#&])", re.IGNORECASE)
_NUMBER = re.compile(r"\d+$")

Place = tuple[str, int]  # field of the task, and position in the list that it holds, or 0


def images_of(fields: Mapping[str, Any]) -> dict[Place, str]:
    """The addresses of a task's images by their place.

    Where no text has the suffix of an image, the field `image` counts, or the first that looks like
    a file.
    """
    texts = {(name, at): text for name, value in fields.items() for at, text in _texts(value)}
    images = {place: text for place, text in texts.items() if _SUFFIX.search(text)}
    if images:
        return images
    likeliest = sorted(texts.items(), key=lambda found: found[0][0] != "image")
    return dict([found for found in likeliest if PurePosixPath(found[1]).suffix][:1])


def _texts(value: object) -> Iterator[tuple[int, str]]:
    values = value if isinstance(value, list) else [value]
    return ((at, text) for at, text in enumerate(values) if isinstance(text, str))


def entries_by_image(
    entries: Sequence[Mapping[str, Any]], images: Mapping[Place, str]
) -> dict[Place, list[Mapping[str, Any]]] | None:
    """The entries of an annotation by the place of their image; None where that is not known.

    An export does not hold the labelling interface, which says what field each tag shows. A tag
    shows the field of its own name, or the one that ends in the same number.
    """
    if len(images) == 1:
        return {next(iter(images)): list(entries)}
    fields = _fields_of_tags(entries, [name for name, _ in images])
    found: dict[Place, list[Mapping[str, Any]]] = {place: [] for place in images}
    for entry in entries:
        at = entry.get("item_index") or 0
        place = fields.get(_tag_of(entry)), at if isinstance(at, int) else None
        if place in found:
            found[place].append(entry)
        elif str(entry.get("type")) not in NO_SHAPES:
            return None
    return found


def _tag_of(entry: Mapping[str, Any]) -> str:
    return str(entry.get("to_name"))


def _fields_of_tags(
    entries: Sequence[Mapping[str, Any]], names: Sequence[str]
) -> dict[str, str | None]:
    """The field that each tag shows; None for a tag of which it is not known."""
    tags = {_tag_of(entry) for entry in entries if str(entry.get("type")) not in NO_SHAPES}
    alone = len(tags) == 1
    return {_tag_of(entry): _field_of(_tag_of(entry), names, alone=alone) for entry in entries}


def _field_of(tag: str, names: Sequence[str], *, alone: bool) -> str | None:
    if tag in names or len(set(names)) == 1:
        return tag if tag in names else names[0]
    number = _NUMBER.search(tag)
    ending = {name for name in names if number and _NUMBER.findall(name) == [number[0]]}
    if len(ending) == 1:
        return ending.pop()
    return "image" if alone and "image" in names else None
