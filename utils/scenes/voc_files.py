"""The XML files of a source, each assigned to the image that it labels."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

from utils.errors import LabelError
from utils.issues import Issue
from utils.labels.objects import NO_IMAGE, SHARED_LABEL, UNREADABLE_LABEL
from utils.labels.texts import decoded
from utils.labels.voc_xml import XmlLabels, count_objects, parse_xml
from utils.scenes.image_files import files_below
from utils.scenes.image_names import ImageNames, plain, plain_parts
from utils.scenes.label_names import Matches, match_labels

_HEAD_BYTES = 4096
_CVAT_ROOT = "<annotations"
_CVAT_IMAGES = "images"  # beside CVAT's XML
_SIDE_FILE = ".aux.xml"  # GDAL's statistics and metadata beside an image


@dataclass(frozen=True, slots=True)
class VocLayout:
    """The folders of a source.

    Attributes:
        root: The source's own.
        images: Folder of the images, below the root or the root itself.
        annotations: Folder of the XML files, likewise.
    """

    root: Path
    images: Path
    annotations: Path

    def expected(self, image: Path) -> list[Path]:
        """The label file of an image: the same path in the other folder, or beside the image."""
        relative = image.relative_to(self.images).with_suffix("")
        return [self.annotations / relative, image.with_suffix("")]

    def label_files(self) -> list[Path]:
        """All XML files of the source, beside the images too, without GDAL's side files."""
        folders = dict.fromkeys((self.annotations, self.images))
        found = {path for folder in folders for path in files_below(folder, ".xml".__eq__)}
        return sorted(path for path in found if not path.name.lower().endswith(_SIDE_FILE))


@dataclass(slots=True)
class VocLabels:
    """The label files of each image.

    Attributes:
        files: Label file of each image that has one by its own name.
        entries: Entries of each image that files name: the file, and the index of the entry in it.
        by_name: Images found by the name that their label file gives.
        issues: Label files without image, and images that share one.
    """

    files: dict[Path, Path] = field(default_factory=dict)
    entries: dict[Path, list[tuple[Path, int]]] = field(default_factory=dict)
    by_name: set[Path] = field(default_factory=set)
    issues: list[Issue] = field(default_factory=list)

    def add(self, image: Path, path: Path, index: int) -> None:
        """Add an entry to those of an image."""
        self.entries.setdefault(image, []).append((path, index))


def assigned_labels(layout: VocLayout, images: list[Path], files: list[Path]) -> VocLabels:
    """Assign label files to images by their own names, else by the names they give.

    A file that describes several images belongs to none by its own name.
    """
    # Where each image may have its own file, none describes several: their heads are not read.
    many = set(filter(_has_many, files)) if len(files) < len(images) else set()
    matches = match_labels(images, [path for path in files if path not in many], layout.expected)
    labels = VocLabels(matches.labels, by_name=set(matches.by_name))
    names = ImageNames.of(images)
    elsewhere = [
        entry
        for path in sorted({*matches.unmatched, *many})
        for entry in _entries(path, labels)
        if not _place_exactly(entry, names, layout, labels)
    ]
    _place_by_names(elsewhere, names, layout, labels)
    _settle_shared(matches, labels)
    return labels


def _has_many(path: Path) -> bool:
    """Whether a file is one of CVAT's that describes several images."""
    try:
        with path.open("rb") as stream:
            head = decoded(stream.read(_HEAD_BYTES))
        return _CVAT_ROOT in head and len(parse_xml(path)) > 1
    except (LabelError, OSError):
        return False


@dataclass(frozen=True, slots=True)
class _Entry:
    """An image that a file describes.

    Attributes:
        path: The file.
        index: Index of the entry in it.
        item: Name of the entry in reports.
        content: The entry.
    """

    path: Path
    index: int
    item: str
    content: XmlLabels


def _entries(path: Path, labels: VocLabels) -> list[_Entry]:
    """The images that a file describes; none where it cannot be read, which is reported."""
    try:
        found = parse_xml(path)
    except LabelError as error:
        issue = Issue(str(path), UNREADABLE_LABEL, str(error), False, count_objects(path))
        labels.issues.append(issue)
        return []
    return [
        _Entry(path, index, f"{path}: {entry.file_name}" if len(found) > 1 else str(path), entry)
        for index, entry in enumerate(found)
    ]


def _place_exactly(entry: _Entry, names: ImageNames, layout: VocLayout, labels: VocLabels) -> bool:
    """Assign an entry to the image that its name leads to as it stands, if there is one."""
    own = entry.path.parent
    folders = (own, own / _CVAT_IMAGES, layout.images, layout.root)
    file_name = entry.content.file_name
    image = names.at(file_name, folders) or names.at(_in_subset(entry), folders)
    if image is None:
        return False
    if image in labels.files:
        detail = f"{image.name} has its labels in {labels.files[image]}"
        _lose(entry, f"{detail}; it holds {_count(entry)} more", labels)
    else:
        labels.add(image, entry.path, entry.index)
    return True


def _place_by_names(
    entries: list[_Entry], names: ImageNames, layout: VocLayout, labels: VocLabels
) -> None:
    """Assign entries to the images that their names can mean, which no other name leads to.

    Where entries of different names can mean one image, it is not known whose it is.
    """
    taken = frozenset(labels.entries) | labels.files.keys()
    meant = [(entry, names.meant(_in_subset(entry), taken).image) for entry in entries]
    claims: dict[Path, set[tuple[str, ...]]] = defaultdict(set)
    for entry, image in meant:
        if image is not None:
            claims[image].add(_plain_name(entry))
    for entry, image in meant:
        if image is None:
            detail = f"no image below {layout.images} belongs to it"
            _lose(entry, f"{detail}; it holds {_count(entry)} labels", labels)
        elif len(claims[image]) > 1:
            detail = f"{image.name} can be meant by {len(claims[image])} names in label files"
            _lose(entry, f"{detail}; this one holds {_count(entry)} labels", labels)
        else:
            labels.add(image, entry.path, entry.index)
            labels.by_name.add(image)


def _plain_name(entry: _Entry) -> tuple[str, ...]:
    return tuple(map(plain, plain_parts(_in_subset(entry))))


def _in_subset(entry: _Entry) -> str:
    return f"{entry.content.subset}/{entry.content.file_name}"


def _count(entry: _Entry) -> int:
    return len(entry.content.labels.objects) + entry.content.labels.lost


def _lose(entry: _Entry, detail: str, labels: VocLabels) -> None:
    issue = Issue(entry.item, NO_IMAGE, detail, set_aside=False, lost=_count(entry))
    labels.issues.append(issue)


def _settle_shared(matches: Matches, labels: VocLabels) -> None:
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
