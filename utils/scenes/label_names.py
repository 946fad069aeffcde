"""Pairing of label files with images, by their names."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from utils.images.formats import IMAGE_SUFFIXES
from utils.scenes.image_names import plain

Key = TypeVar("Key")


@dataclass(slots=True)
class Matches:
    """Label files and images that belong together.

    Attributes:
        labels: Label file of each image that has one.
        by_name: Images whose label file lies elsewhere than expected and was found by its name.
        shared: Images of each label file that several images claim.
        unmatched: Label files that no image claims.
    """

    labels: dict[Path, Path] = field(default_factory=dict)
    by_name: list[Path] = field(default_factory=list)
    shared: dict[Path, list[Path]] = field(default_factory=dict)
    unmatched: list[Path] = field(default_factory=list)


def match_labels(
    images: Sequence[Path],
    labels: Sequence[Path],
    expected: Callable[[Path], Iterable[Path]],
) -> Matches:
    """Match label files to images: where they are expected, else by their names alone.

    Args:
        images: All images of the source.
        labels: All files that may be label files.
        expected: Places of the label file of an image, without suffix, the likeliest first.
    """
    matches = Matches()
    exact = {label.with_suffix(""): label for label in reversed(labels)}
    loose = _unique((plain(str(place)), label) for place, label in exact.items())
    for image in images:
        places = [
            place
            for base in expected(image)
            for place in (base, base.with_name(base.name + image.suffix))
        ]
        found = _first(exact, places) or _first(loose, [plain(str(place)) for place in places])
        if found is not None:
            matches.labels[image] = found
    _match_by_name(images, labels, matches)
    claims: dict[Path, list[Path]] = defaultdict(list)
    for image, label in matches.labels.items():
        claims[label].append(image)
    matches.shared = {label: found for label, found in claims.items() if len(found) > 1}
    matches.unmatched = [label for label in labels if label not in claims]
    return matches


def _match_by_name(images: Sequence[Path], labels: Sequence[Path], matches: Matches) -> None:
    """Match what is left where exactly one image and one label file have a name."""
    used = set(matches.labels.values())
    left = _unique((_stem(label), label) for label in labels if label not in used)
    stems = _unique((plain(image.stem), image) for image in images)
    # Where neighbours have their label in place, a missing one is missing, wherever its name is.
    in_place = {image.parent for image in matches.labels}
    for stem, image in stems.items():
        if image.parent not in in_place and stem in left:
            matches.labels[image] = left[stem]
            matches.by_name.append(image)


def _stem(label: Path) -> str:
    """The name of the image that a label file names: `a` for `a.txt` and for `a.jpg.txt`."""
    inner = Path(label.stem)
    return plain(inner.stem if inner.suffix.lower() in IMAGE_SUFFIXES else label.stem)


def _unique(items: Iterable[tuple[str, Path]]) -> dict[str, Path]:
    """The items whose key no other item has."""
    found: dict[str, list[Path]] = defaultdict(list)
    for key, path in items:
        found[key].append(path)
    return {key: paths[0] for key, paths in found.items() if len(paths) == 1}


def _first(known: Mapping[Key, Path], keys: Iterable[Key]) -> Path | None:
    return next((known[key] for key in keys if key in known), None)
