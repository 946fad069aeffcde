"""The XML files of a source, each assigned to the image that it labels."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from utils.errors import LabelError
from utils.issues import Issue
from utils.labels.objects import NO_IMAGE, SHARED_LABEL, UNREADABLE_LABEL
from utils.labels.voc_xml import count_objects, parse_xml
from utils.scenes.image_files import files_below
from utils.scenes.image_names import ImageNames, plain_parts
from utils.scenes.label_names import Matches, match_labels

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
    """The label file of each image.

    Attributes:
        files: By image.
        entries: Index of the image's entry in its file, for a file with several images.
        by_name: Images found by the name that their label file gives.
        issues: Label files without image, and images that share one.
    """

    files: dict[Path, Path] = field(default_factory=dict)
    entries: dict[Path, int] = field(default_factory=dict)
    by_name: set[Path] = field(default_factory=set)
    issues: list[Issue] = field(default_factory=list)


def assigned_labels(layout: VocLayout, images: list[Path], files: list[Path]) -> VocLabels:
    """Assign label files to images by their own names, else by the names they give."""
    matches = match_labels(images, files, layout.expected)
    labels = VocLabels(matches.labels, by_name=set(matches.by_name))
    names = ImageNames.of(images)
    for path in matches.unmatched:
        _assign_by_content(path, names, layout, labels)
    _settle_shared(matches, labels)
    return labels


def _assign_by_content(path: Path, names: ImageNames, layout: VocLayout, labels: VocLabels) -> None:
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
