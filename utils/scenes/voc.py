"""Pascal VOC: one XML file of boxes for each image."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from utils.box_formats import from_voc
from utils.errors import SourceError
from utils.geometry import Boxes
from utils.issues import IssueReport
from utils.scenes.image_files import (
    existing_folder,
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
from utils.scenes.options import VocSource
from utils.scenes.scene import Scene, SceneSource

_CORNERS = ("xmin", "ymin", "xmax", "ymax")


def open_voc(options: VocSource) -> SceneSource:
    """Open a folder of images and XML files.

    Raises:
        SourceError: If a folder is missing, or there is no image or no XML file.
    """
    root = existing_folder(options.path)
    layout = _Layout(
        root,
        first_folder(root, options.images, ("JPEGImages", "images")),
        first_folder(root, options.annotations, ("Annotations", "annotations")),
    )
    images = _chosen(images_below(layout.images), root, options.image_set)
    if not layout.label_files():
        raise SourceError(
            f"There is no XML file below {layout.annotations}. "
            "Name the folder of the labels in `annotations`, or read the images as a `folder`."
        )
    name = options.name or root.name
    report_orphans = options.image_set is None

    def read(report: IssueReport) -> Iterator[Scene]:
        for image in images:
            yield from _read_scene(name, layout, image, report)
        if report_orphans:
            _note_orphans(layout, images, report)

    return SceneSource(name, (), len(images), read)


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


def _chosen(images: list[Path], root: Path, image_set: Path | None) -> list[Path]:
    """The images whose name is in the list, or all of them without one."""
    if image_set is None:
        return images
    try:
        lines = (root / image_set).read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise SourceError(
            f"The list of images {root / image_set} cannot be read ({error.strerror}). "
            "Correct `image_set`."
        ) from error
    # VOC's lists by class have a second column, which is not used.
    names = {line.split()[0] for line in lines if line.strip()}
    chosen = [image for image in images if image.name in names or image.stem in names]
    if not chosen:
        raise SourceError(f"None of the images listed in {root / image_set} is there.")
    return chosen


def _read_scene(name: str, layout: _Layout, image: Path, report: IssueReport) -> Iterator[Scene]:
    label = layout.label_of(image)
    if not label.is_file():
        detail = f"there is no {label}; the scene is taken as unlabelled"
        report.add(image, NO_LABEL, detail, set_aside=False)
        yield scene_from(name, layout.root, image, None)
        return
    try:
        # The expat of every Python we support (2.4.1 and later) bounds the expansion of entities.
        annotation = ElementTree.parse(label).getroot()  # noqa: S314
    except (ElementTree.ParseError, OSError, ValueError, LookupError) as error:
        report.add(image, UNREADABLE_LABEL, f"{label} is not readable XML ({error})")
        return
    yield scene_from(name, layout.root, image, _boxes_of(annotation))


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
