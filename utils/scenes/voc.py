"""Pascal VOC: one XML file of boxes for each image."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from utils.box_formats import from_voc
from utils.errors import SourceError
from utils.geometry import Boxes
from utils.issues import Issue, IssueReport
from utils.scenes.image_files import (
    bytes_of,
    files_below,
    first_folder,
    images_below,
    scene_from,
)
from utils.scenes.labels import (
    NO_IMAGE,
    NO_LABEL,
    UNREADABLE_LABEL,
    boxes_from,
    coordinate,
)
from utils.scenes.mirror import dataset_folder
from utils.scenes.options import VocSource
from utils.scenes.scene import Scene, SceneSource
from utils.scenes.selection import Selection

MISSING_IMAGE = "listed image is missing"
_CORNERS = ("xmin", "ymin", "xmax", "ymax")
_MEMBERSHIP = re.compile(r"\s+-?\d+$")  # the second column of lists by class


def open_voc(options: VocSource) -> SceneSource:
    """Open a folder of images and XML files.

    Raises:
        SourceError: If a folder is missing, or there is no image or no XML file.
    """
    dataset = dataset_folder(options.path)
    root = dataset.root
    layout = _Layout(
        root,
        first_folder(root, options.images, ("JPEGImages", "images")),
        first_folder(root, options.annotations, ("Annotations", "annotations")),
    )
    listing = root / options.image_set if options.image_set is not None else None
    images, missing = _chosen(images_below(layout.images), listing)
    if not layout.label_files():
        raise SourceError(
            f"There is no XML file below {layout.annotations}. "
            "Name the folder of the labels in `annotations`, or read the images as a `folder`."
        )
    name = options.name or root.name

    def read(report: IssueReport, selection: Selection) -> Iterator[Scene]:
        for image, copy in dataset.fetched(selection.of(images), report):
            yield from _read_scene(name, layout, image, copy, report)
        if selection.ends_with(len(images)):
            report.extend(missing)
            if listing is None:
                _note_orphans(layout, images, report)

    return SceneSource(name, (), len(images), read, partial(bytes_of, images))


@dataclass(frozen=True, slots=True)
class _Layout:
    root: Path
    images: Path
    annotations: Path

    def label_of(self, image: Path) -> Path:
        """The label file of an image: the same path in the other folder, or beside the image."""
        label = self.annotations / image.relative_to(self.images).with_suffix(".xml")
        beside = image.with_suffix(".xml")
        return beside if beside.is_file() and not label.is_file() else label

    def label_files(self) -> list[Path]:
        return files_below(self.annotations, ".xml".__eq__)


def _chosen(images: list[Path], listing: Path | None) -> tuple[list[Path], list[Issue]]:
    """The images that a list names, or all of them without one, and an issue for each missing."""
    if listing is None:
        return images, []
    by_name: dict[str, list[Path]] = defaultdict(list)
    for image in images:
        for name in {image.name, image.stem}:
            by_name[name].append(image)
    chosen: set[Path] = set()
    missing: list[Issue] = []
    for line in _lines(listing):
        found = by_name.get(line) or by_name.get(_MEMBERSHIP.sub("", line))
        if found is None:
            missing.append(Issue(f"{listing}: {line}", MISSING_IMAGE, "no image has this name"))
        else:
            chosen.update(found)
    if not chosen:
        raise SourceError(f"None of the images listed in {listing} is there.")
    return [image for image in images if image in chosen], missing


def _lines(listing: Path) -> list[str]:
    """The lines of a text file, each once, without the empty ones."""
    try:
        lines = listing.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise SourceError(
            f"The list of images {listing} cannot be read ({error.strerror}). Correct `image_set`."
        ) from error
    except UnicodeDecodeError as error:
        raise SourceError(
            f"The list of images {listing} is not text in UTF-8. Convert it, "
            "or correct `image_set`."
        ) from error
    return list(dict.fromkeys(line.strip() for line in lines if line.strip()))


def _read_scene(
    name: str, layout: _Layout, image: Path, copy: Path, report: IssueReport
) -> Iterator[Scene]:
    label = layout.label_of(image)
    if not label.is_file():
        detail = f"there is no {label}; the scene is taken as unlabelled"
        report.add(image, NO_LABEL, detail, set_aside=False)
        yield scene_from(name, layout.root, image, None, copy)
        return
    try:
        # The expat of every Python we support (2.4.1 and later) bounds the expansion of entities.
        annotation = ElementTree.parse(label).getroot()  # noqa: S314
    except (ElementTree.ParseError, OSError, ValueError, LookupError) as error:
        report.add(image, UNREADABLE_LABEL, f"{label} is not readable XML ({error})")
        return
    yield scene_from(name, layout.root, image, _boxes_of(annotation), copy)


def _boxes_of(annotation: Element) -> Boxes:
    objects = annotation.findall("object")
    corners = [[coordinate(item.findtext(f"bndbox/{key}")) for key in _CORNERS] for item in objects]
    names = [(item.findtext("name") or "").strip() for item in objects]
    return boxes_from(from_voc(corners), names)


def _note_orphans(layout: _Layout, images: list[Path], report: IssueReport) -> None:
    used = {layout.label_of(image) for image in images}
    for label in layout.label_files():
        if label not in used:
            detail = f"no image below {layout.images} belongs to it"
            report.add(label, NO_IMAGE, detail, set_aside=False)
