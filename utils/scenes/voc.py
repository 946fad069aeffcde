"""Pascal VOC and other XML: a file of labels for each image, or CVAT's one for all."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache, partial
from pathlib import Path

from utils.errors import LabelError, SourceError
from utils.issues import Issue, IssueReport
from utils.labels.objects import FOUND_BY_NAME, NO_LABEL, UNREADABLE_LABEL
from utils.labels.texts import read_text
from utils.labels.voc_xml import XmlLabels, count_objects, parse_xml
from utils.scenes.image_files import (
    bytes_of,
    first_folder,
    images_below,
    scene_from,
)
from utils.scenes.image_names import plain, plain_parts
from utils.scenes.mirror import dataset_folder
from utils.scenes.options import VocSource
from utils.scenes.scene import Scene, SceneSource
from utils.scenes.selection import Selection
from utils.scenes.settle import Notices, settled
from utils.scenes.voc_counting import COUNTED_FROM, Counting, counting_of
from utils.scenes.voc_files import VocLabels, VocLayout, assigned_labels

MISSING_IMAGE = "listed image is missing"
OTHER_NAME = "label file names another image"
_MEMBERSHIP = re.compile(r"\s+-?\d+$")  # the second column of lists by class
_IMAGE_FOLDERS = ("JPEGImages", "images", "data")  # `data` and `labels` are FiftyOne's
_LABEL_FOLDERS = ("Annotations", "annotations", "labels")


def open_voc(options: VocSource) -> SceneSource:
    """Open a folder of images and XML files.

    Raises:
        SourceError: If a folder is missing, or there is no image or no XML file.
    """
    dataset = dataset_folder(options.path)
    root = dataset.root
    layout = VocLayout(
        root,
        first_folder(root, options.images, _IMAGE_FOLDERS),
        first_folder(root, options.annotations, _LABEL_FOLDERS),
    )
    every_image = images_below(layout.images)
    listing = root / options.image_set if options.image_set is not None else None
    images, missing = _chosen(every_image, listing)
    files = layout.label_files()
    if not files:
        raise SourceError(
            f"There is no XML file below {layout.annotations}. "
            "Name the folder of the labels in `annotations`, or read the images as a `folder`."
        )
    labels = assigned_labels(layout, every_image, files)
    counting = _counting(options, files, layout)
    name = options.name or root.name

    def read(report: IssueReport, selection: Selection) -> Iterator[Scene]:
        reader = _Reader(name, layout, labels, counting, report)
        if selection.shard == 0 and options.counts_from is None and counting.reason:
            detail = f"{counting.first}: {counting.reason}. `counts_from` overrules it"
            report.add(name, COUNTED_FROM, detail, set_aside=False)
        for image, copy in dataset.fetched(selection.of(images), report):
            yield from reader.scenes(image, copy)
        reader.notices.report(name, report)
        if selection.ends_with(len(images)):
            report.extend(missing)
            if listing is None:
                report.extend(labels.issues)

    return SceneSource(name, (), len(images), read, partial(bytes_of, images))


def _counting(options: VocSource, files: list[Path], layout: VocLayout) -> Counting:
    if options.counts_from is not None:
        return Counting(options.counts_from, "configured")
    return counting_of(files, layout.images, layout.annotations)


def _chosen(images: list[Path], listing: Path | None) -> tuple[list[Path], list[Issue]]:
    """The images that a list names, or all of them without one, and an issue for each missing."""
    if listing is None:
        return images, []
    by_name: dict[str, list[Path]] = defaultdict(list)
    for image in images:
        for name in {plain(image.name), plain(image.stem)}:
            by_name[name].append(image)
    chosen: set[Path] = set()
    missing: list[Issue] = []
    for line in _lines(listing):
        base = (plain_parts(line) or ("",))[-1]
        found = by_name.get(plain(base)) or by_name.get(plain(_MEMBERSHIP.sub("", base)))
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
        lines = read_text(listing).splitlines()
    except LabelError as error:
        raise SourceError(f"The list of images {error} Correct `image_set`.") from None
    return list(dict.fromkeys(line.strip() for line in lines if line.strip()))


class _Reader:
    """Reads the label files of a source; CVAT's one for all images is parsed once."""

    def __init__(
        self,
        name: str,
        layout: VocLayout,
        labels: VocLabels,
        counting: Counting,
        report: IssueReport,
    ) -> None:
        self.notices = Notices()
        self._name = name
        self._layout = layout
        self._labels = labels
        self._counting = counting
        self._report = report
        self._parsed = lru_cache(maxsize=2)(parse_xml)

    def scenes(self, image: Path, copy: Path) -> Iterator[Scene]:
        """Yield the scene of an image, unless its label file cannot be read."""
        scene = scene_from(self._name, self._layout.root, image, None, copy)
        named = self._labels.entries.get(image, [])
        path = named[0][0] if named else self._labels.files.get(image)
        if path is None:
            place = f"{self._layout.expected(image)[0]}.xml"
            detail = f"there is no {place}; the scene is taken as unlabelled"
            self._report.add(image, NO_LABEL, detail, set_aside=False)
            yield scene
            return
        try:
            first, *others = (
                entry.counted_from(self._counting.first)
                for entry in self._entries(path, named, image)
            )
        except LabelError as error:
            self._report.add(image, UNREADABLE_LABEL, error, lost=count_objects(path))
            return
        if image in self._labels.by_name:
            self.notices.add(FOUND_BY_NAME, path)
        labels = replace(first, faults=list(first.faults))
        for more in others:  # of another job, or an image that is listed twice
            labels.extend(more)
        yield settled(scene, labels, path, self.notices, self._report)

    def _entries(self, path: Path, named: list[tuple[Path, int]], image: Path) -> list[XmlLabels]:
        """The parts of label files that belong to an image.

        Raises:
            LabelError: If its file cannot be read, or describes several others.
        """
        if named:
            return [self._parsed(file)[index] for file, index in named]
        entries = self._parsed(path)
        fitting = [entry for entry in entries if _is_named(entry, image)]
        if len(entries) > 1 and len(fitting) != 1:
            raise LabelError(f"{path} describes {len(entries)} images, but not {image.name}.")
        entry = fitting[0] if fitting else entries[0]
        if not fitting and entry.file_name:
            self.notices.add(OTHER_NAME, f"{path}: {entry.file_name}")
        return [entry]


def _is_named(entry: XmlLabels, image: Path) -> bool:
    """Whether an entry names an image, with or without suffix."""
    base = plain((plain_parts(entry.file_name) or ("",))[-1])
    return base in (plain(image.name), plain(image.stem)) or Path(base).stem == plain(image.stem)
