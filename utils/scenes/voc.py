"""Pascal VOC and other XML: a file of labels for each image, or CVAT's one for all."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache, partial
from pathlib import Path

from utils.errors import LabelError, SourceError
from utils.issues import Issue, IssueReport
from utils.labels.objects import UNREADABLE_LABEL
from utils.labels.texts import read_text
from utils.labels.voc_xml import XmlLabels, count_objects, parse_xml
from utils.scenes.image_files import (
    bytes_of,
    files_below,
    first_folder,
    images_below,
    scene_from,
)
from utils.scenes.image_names import ImageNames, plain, plain_parts
from utils.scenes.label_names import Matches, match_labels
from utils.scenes.labels import FOUND_BY_NAME, NO_IMAGE, NO_LABEL, SHARED_LABEL
from utils.scenes.mirror import dataset_folder
from utils.scenes.options import VocSource
from utils.scenes.scene import Scene, SceneSource
from utils.scenes.selection import Selection
from utils.scenes.settle import Notices, settled
from utils.scenes.voc_counting import COUNTED_FROM, Counting, counting_of

MISSING_IMAGE = "listed image is missing"
OTHER_NAME = "label file names another image"
_MEMBERSHIP = re.compile(r"\s+-?\d+$")  # the second column of lists by class
_IMAGE_FOLDERS = ("JPEGImages", "images", "data")  # `data` and `labels` are FiftyOne's
_LABEL_FOLDERS = ("Annotations", "annotations", "labels")
_SIDE_FILE = ".aux.xml"  # GDAL's statistics and metadata beside an image


def open_voc(options: VocSource) -> SceneSource:
    """Open a folder of images and XML files.

    Raises:
        SourceError: If a folder is missing, or there is no image or no XML file.
    """
    dataset = dataset_folder(options.path)
    root = dataset.root
    layout = _Layout(
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
    labels = _assigned(layout, every_image, files)
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


def _counting(options: VocSource, files: list[Path], layout: _Layout) -> Counting:
    if options.counts_from is not None:
        return Counting(options.counts_from, "configured")
    return counting_of(files, layout.images, layout.annotations)


@dataclass(frozen=True, slots=True)
class _Layout:
    root: Path
    images: Path
    annotations: Path

    def expected(self, image: Path) -> list[Path]:
        """The label file of an image: the same path in the other folder, or beside the image."""
        relative = image.relative_to(self.images).with_suffix("")
        return [self.annotations / relative, image.with_suffix("")]

    def label_files(self) -> list[Path]:
        folders = dict.fromkeys((self.annotations, self.images))
        found = {path for folder in folders for path in files_below(folder, ".xml".__eq__)}
        return sorted(path for path in found if not path.name.lower().endswith(_SIDE_FILE))


@dataclass(slots=True)
class _Labels:
    """The label file of each image.

    Attributes:
        files: By image.
        entries: Index of the image's entry in its file, where that tells of several images.
        by_name: Images found by the name that their label file gives.
        issues: Label files without image, and images that share one.
    """

    files: dict[Path, Path] = field(default_factory=dict)
    entries: dict[Path, int] = field(default_factory=dict)
    by_name: set[Path] = field(default_factory=set)
    issues: list[Issue] = field(default_factory=list)


def _assigned(layout: _Layout, images: list[Path], files: list[Path]) -> _Labels:
    """Assign label files to images by their own names, else by the names they give."""
    matches = match_labels(images, files, layout.expected)
    labels = _Labels(matches.labels, by_name=set(matches.by_name))
    names = ImageNames.of(images)
    for path in matches.unmatched:
        _assign_by_content(path, names, layout, labels)
    _settle_shared(matches, labels)
    return labels


def _assign_by_content(path: Path, names: ImageNames, layout: _Layout, labels: _Labels) -> None:
    try:
        entries = parse_xml(path)
    except LabelError as error:
        issue = Issue(str(path), UNREADABLE_LABEL, str(error), False, count_objects(path))
        labels.issues.append(issue)
        return
    for index, entry in enumerate(entries):
        folders = (path.parent, layout.images, layout.root)
        in_subset = f"{entry.subset}/{entry.file_name}"
        image = names.at(entry.file_name, folders) or names.at(in_subset, folders)
        found = image or names.meant(in_subset, labels.files.keys()).image
        if found is None or found in labels.files:
            lost = len(entry.labels.objects) + entry.labels.lost
            detail = f"no image below {layout.images} belongs to it; it holds {lost} labels"
            item = f"{path}: {entry.file_name}" if len(entries) > 1 else str(path)
            labels.issues.append(Issue(item, NO_IMAGE, detail, set_aside=False, lost=lost))
        else:
            labels.files[found] = path
            labels.entries[found] = index
            if image is None:
                labels.by_name.add(found)


def _settle_shared(matches: Matches, labels: _Labels) -> None:
    """Give a label file that several images claim to the one that it names, else to all."""
    for path, claimants in matches.shared.items():
        named = _named_among(path, claimants)
        for image in claimants if named else ():
            if image != named:
                del labels.files[image]
        owner = f"it names {named.name}" if named else "each of them gets it"
        detail = f"{', '.join(image.name for image in claimants)} have it in common; {owner}"
        labels.issues.append(Issue(str(path), SHARED_LABEL, detail, set_aside=False))


def _named_among(path: Path, images: list[Path]) -> Path | None:
    try:
        names = {plain_parts(entry.file_name)[-1:] for entry in parse_xml(path)}
    except LabelError:
        return None
    named = [image for image in images if (image.name,) in names]
    return named[0] if len(named) == 1 else None


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
        self, name: str, layout: _Layout, labels: _Labels, counting: Counting, report: IssueReport
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
        path = self._labels.files.get(image)
        if path is None:
            place = f"{self._layout.expected(image)[0]}.xml"
            detail = f"there is no {place}; the scene is taken as unlabelled"
            self._report.add(image, NO_LABEL, detail, set_aside=False)
            yield scene
            return
        try:
            entry = self._entry(path, image)
        except LabelError as error:
            self._report.add(image, UNREADABLE_LABEL, error, lost=count_objects(path))
            return
        if image in self._labels.by_name:
            self.notices.add(FOUND_BY_NAME, path)
        labels = entry.counted_from(self._counting.first)
        yield settled(scene, labels, path, self.notices, self._report)

    def _entry(self, path: Path, image: Path) -> XmlLabels:
        """The part of a label file that belongs to an image."""
        entries = self._parsed(path)
        if image in self._labels.entries:
            return entries[self._labels.entries[image]]
        named = [entry for entry in entries if _is_named(entry, image)]
        if len(entries) > 1 and len(named) != 1:
            raise LabelError(f"{path} tells of {len(entries)} images, but not of {image.name}.")
        entry = named[0] if named else entries[0]
        if not named and entry.file_name:
            self.notices.add(OTHER_NAME, f"{path}: {entry.file_name}")
        return entry


def _is_named(entry: XmlLabels, image: Path) -> bool:
    """Whether an entry names an image, with or without suffix."""
    base = plain((plain_parts(entry.file_name) or ("",))[-1])
    return base in (plain(image.name), plain(image.stem)) or Path(base).stem == plain(image.stem)
