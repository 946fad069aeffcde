"""YOLO: one text file for each image, a line for each object; DOTA's text files, too."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from utils.errors import ImageError, LabelError, SourceError
from utils.issues import Issue, IssueReport
from utils.labels.dota_lines import is_dota, parse_dota
from utils.labels.objects import (
    FOUND_BY_NAME,
    NO_IMAGE,
    NO_LABEL,
    SHARED_LABEL,
    UNREADABLE_LABEL,
    ImageLabels,
)
from utils.labels.texts import read_text
from utils.labels.yolo_lines import YoloClasses, parse_lines
from utils.scenes.frames import image_frame
from utils.scenes.image_files import (
    bytes_of,
    files_below,
    images_below,
    scene_from,
)
from utils.scenes.label_names import Matches, match_labels
from utils.scenes.mirror import dataset_folder
from utils.scenes.options import YoloSource
from utils.scenes.scene import Scene, SceneSource
from utils.scenes.selection import Selection
from utils.scenes.settle import Notices, settled
from utils.scenes.yolo_classes import (
    NAME_LISTS,
    YoloSettings,
    images_in_lists,
    read_settings,
    splits_in_lists,
)
from utils.scenes.yolo_forms import has_oriented_boxes, holds_dota
from utils.shapes.shapes import Shapes

_IMAGE_FOLDERS = frozenset({"images", "jpegimages", "img", "imgs"})


def open_yolo(options: YoloSource) -> SceneSource:
    """Open a folder of images and text files in any of YOLO's layouts.

    Raises:
        SourceError: If the folder is missing, has no image or no label, or its classes have no
            names.
    """
    dataset = dataset_folder(options.path)
    root = dataset.root
    every_image = images_below(root)
    texts = [path for path in files_below(root, ".txt".__eq__) if path.name not in NAME_LISTS]
    matches = match_labels(every_image, texts, partial(_expected, root))
    if not matches.labels:
        raise SourceError(
            f"No image below {root} has a label file. "
            "The labels of images/x.jpg belong in labels/x.txt; or read the images as a `folder`."
        )
    has_dota = holds_dota(matches.labels.values())
    settings = read_settings(root, options, are_named=not has_dota)
    rows = replace(settings.classes, oriented=has_oriented_boxes(dataset, matches.labels))
    images, listed = images_in_lists(every_image, settings)
    given = splits_in_lists(images, settings)
    name = options.name or root.name
    labelled = frozenset(image.parent for image in matches.labels)
    reader = _Reader(name, root, rows, has_dota, matches, labelled)

    def read(report: IssueReport, selection: Selection) -> Iterator[Scene]:
        notices = Notices()
        for image, copy in dataset.fetched(selection.of(images), report):
            for scene in reader.scenes(image, copy, notices, report):
                yield replace(scene, split=given.get(image))
        notices.report(name, report)
        if selection.ends_with(len(images)):
            report.extend([*settings.issues, *listed, *_shared(matches)])
            _note_orphans(reader, settings, report)

    classes = () if has_dota else tuple(dict.fromkeys(settings.classes.names.values()))
    return SceneSource(name, classes, len(images), read, partial(bytes_of, images))


def _expected(root: Path, image: Path) -> list[Path]:
    """The label file of an image: `images` replaced by `labels` in its path, or beside it."""
    relative = image.relative_to(root).with_suffix("")
    parts = list(relative.parts)
    folders = [i for i, part in enumerate(parts[:-1]) if part.lower() in _IMAGE_FOLDERS]
    if folders:
        parts[folders[-1]] = "labels"
    return [root.joinpath(*parts), root / relative]


def _shared(matches: Matches) -> list[Issue]:
    """An issue for each label file that several images have in common."""
    return [
        Issue(
            str(label),
            SHARED_LABEL,
            f"{', '.join(image.name for image in images)} have it in common; each of them gets it",
            set_aside=False,
        )
        for label, images in matches.shared.items()
    ]


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads the label files of a source.

    Attributes:
        name: Name of the source.
        root: Folder of the source.
        classes: The meaning of the columns.
        has_dota: Whether label files of DOTA are among those of the source.
        matches: Label files by image.
        labelled: Folders in which some image has a label file.
    """

    name: str
    root: Path
    classes: YoloClasses
    has_dota: bool
    matches: Matches
    labelled: frozenset[Path]

    def parse(self, label: Path) -> ImageLabels:
        """The labels in a file.

        Raises:
            LabelError: If it cannot be read.
        """
        text = read_text(label)
        if self.has_dota and is_dota(text):
            return parse_dota(text)
        return parse_lines(text, self.classes)

    def scenes(
        self, image: Path, copy: Path, notices: Notices, report: IssueReport
    ) -> Iterator[Scene]:
        """Yield the scene of an image, unless it or its label file cannot be read."""
        label = self.matches.labels.get(image)
        if label is None:
            yield self._without_label(image, copy, report)
            return
        try:
            frame = image_frame(copy)
            labels = self.parse(label)
        except ImageError as error:
            report.add(image, "image does not decode", error)
            return
        except LabelError as error:
            report.add(image, UNREADABLE_LABEL, error, lost=1)
            return
        if image in self.matches.by_name:
            notices.add(FOUND_BY_NAME, label)
        scene = scene_from(self.name, self.root, image, None, copy)
        yield settled(scene, labels, label, notices, report, image=frame)

    def _without_label(self, image: Path, copy: Path, report: IssueReport) -> Scene:
        """The scene of an image without label file: empty, where its neighbours have one."""
        boxes = Shapes() if image.parent in self.labelled else None
        place = f"{_expected(self.root, image)[0]}.txt"
        taken = "labelled and empty" if boxes is not None else "unlabelled, as its whole folder"
        report.add(
            image, NO_LABEL, f"there is no {place}; the scene is taken as {taken}", set_aside=False
        )
        return scene_from(self.name, self.root, image, boxes, copy)


def _note_orphans(reader: _Reader, settings: YoloSettings, report: IssueReport) -> None:
    """Report label files that belong to no image: those in folders where labels are."""
    folders = {label.parent for label in reader.matches.labels.values()}
    for label in reader.matches.unmatched:
        if label.parent not in folders or label in settings.lists:
            continue
        try:
            labels = reader.parse(label)
            lost = len(labels.objects) + labels.lost
        except LabelError:
            lost = 1
        detail = f"no image belongs to it; it holds {lost} labels"
        report.add(label, NO_IMAGE, detail, set_aside=False, lost=lost)
