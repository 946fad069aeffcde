"""COCO: images listed in a JSON file, with their labels; Label Studio's own JSON, too."""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from utils.errors import LabelError, SourceError
from utils.images.formats import IMAGE_SUFFIXES
from utils.issues import Issue, IssueReport
from utils.labels.coco_json import PLACEHOLDER, CocoFile
from utils.labels.listings import (
    LISTING_SUFFIXES,
    ForeignFileError,
    ListingRules,
    read_listing,
)
from utils.labels.objects import FOUND_BY_NAME, NO_IMAGE, NO_LABEL, UNREADABLE_LABEL, ImageLabels
from utils.scenes.image_files import (
    bytes_of,
    files_below,
    first_folder,
    scene_from,
)
from utils.scenes.image_names import ImageNames, has_text_name
from utils.scenes.mirror import dataset_folder
from utils.scenes.options import CocoSource
from utils.scenes.scene import Scene, SceneSource
from utils.scenes.selection import Selection
from utils.scenes.settle import Notices, settled

LISTED_TWICE = "image listed twice"
PREDICTIONS = "predictions beside labels"
OUTSIDE = "image outside the source"
_EXAMPLES = 3
_USUAL_FOLDERS = ("images", "data")  # `data` is FiftyOne's


@dataclass(slots=True)
class _Placement:
    """The images that JSON files list, found on disk.

    Attributes:
        labels: Labels of each image, in the order of the files.
        items: Name of each image's entry in reports.
        shares: Images whose coordinates are shares.
        issues: Entries without an image, and what else is wrong with the files.
        notices: Recurring notices.
    """

    labels: dict[Path, ImageLabels] = field(default_factory=dict)
    items: dict[Path, str] = field(default_factory=dict)
    shares: set[Path] = field(default_factory=set)
    issues: list[Issue] = field(default_factory=list)
    notices: Notices = field(default_factory=Notices)

    def add(self, image: Path, coco: CocoFile, file_name: str, labels: ImageLabels) -> None:
        """Add an entry whose image is there; a second one of the same image adds its labels."""
        item = f"{coco.path}: {file_name}"
        if coco.shares:
            self.shares.add(image)
        if image not in self.labels:
            self.labels[image] = labels
            self.items[image] = item
            return
        detail = f"the labels of its entries are joined, equal ones once; first {self.items[image]}"
        self.issues.append(Issue(item, LISTED_TWICE, detail, set_aside=False))
        self.labels[image].extend(labels)


def open_coco(options: CocoSource) -> SceneSource:
    """Open a folder of images and COCO JSON, or of other files that list images.

    The JSON is read whole; the images are not touched.

    Raises:
        SourceError: If the folder is missing, or there is no readable JSON with images in it.
    """
    dataset = dataset_folder(options.path)
    root = dataset.root
    images = first_folder(root, options.images, ()) if options.images else None
    only_class = options.classes[0] if len(options.classes) == 1 else None
    rules = ListingRules(options.label_field, only_class, options.least_score)
    listings, issues = _listings(root, options.annotations, rules)
    _refuse_without_images(listings)
    masks = frozenset(mask for listing in listings for mask in listing.masks)
    files = files_below(images or root, IMAGE_SUFFIXES.__contains__)
    on_disk = [file for file in files if file not in masks]
    placement = _placed(listings, root, images, on_disk)
    if not placement.labels:
        _refuse_zipped(root)
    class_names, placeholders = _class_names(listings)
    count = len(placement.labels)
    name = options.name or root.name

    def read(report: IssueReport, selection: Selection) -> Iterator[Scene]:
        notices = Notices()
        if selection.shard == 0:  # one shard reports the notices that concern no image
            report.extend([*issues, *placeholders, *placement.issues])
            placement.notices.report(name, report)
        for image, copy in dataset.fetched(selection.of(placement.labels), report):
            scene = scene_from(name, root, image, None, copy)
            labels, item = placement.labels[image], placement.items[image]
            possible = image in placement.shares
            yield settled(scene, labels, item, notices, report, shares_possible=possible)
        notices.report(name, report)
        if selection.ends_with(count):
            is_loss = any(issue.set_aside for issue in issues)
            _note_unlisted(on_disk, placement.labels.keys(), report, is_loss=is_loss)

    held = Counter(found.kind for labels in placement.labels.values() for found in labels.objects)
    return SceneSource(name, class_names, count, read, lambda: bytes_of(on_disk), held=held)


def _refuse_without_images(listings: Sequence[CocoFile]) -> None:
    """Refuse files that list no image that can be read, and say why where they tell.

    Raises:
        SourceError: If there is no image in any of them.
    """
    if any(listing.entries for listing in listings):
        return
    first = next((issue for listing in listings for issue in listing.issues), None)
    if first is None:
        raise SourceError(f"{listings[0].path} lists no image. Choose another file of labels.")
    raise SourceError(
        f"{listings[0].path} lists no image with labels. {first.item}: {first.detail}. "
        "Export it again, or choose another file of labels."
    )


def _refuse_zipped(root: Path) -> None:
    """Refuse a folder without a listed image whose images may be in a zip.

    Raises:
        SourceError: If there is one.
    """
    if zips := files_below(root, ".zip".__eq__):
        raise SourceError(
            f"None of the listed images is below {root}, but {zips[0].name} is. Unpack it there, "
            "or have zips unpacked by naming the tool, as in: --set source.kind=cvat"
        )


def _listings(
    root: Path, wanted: tuple[Path, ...], rules: ListingRules
) -> tuple[list[CocoFile], list[Issue]]:
    """The listings of a folder, and an issue for each file that is broken or foreign."""
    if wanted:
        return [_named_listing(root / path, rules) for path in wanted], []
    listings: list[CocoFile] = []
    broken: list[Issue] = []
    for path in files_below(root, LISTING_SUFFIXES.__contains__):
        try:
            if (listing := read_listing(path, rules)) is not None:
                listings.append(listing)
        except LabelError as error:
            is_loss = not isinstance(error, ForeignFileError)
            broken.append(Issue(str(path), UNREADABLE_LABEL, str(error), set_aside=is_loss))
    if not listings:
        known = "It is a JSON file with `images`, `annotations` and `categories`."
        raise SourceError(
            f"There is no COCO JSON below {root}. {broken[0].detail if broken else known}"
        )
    return _without_predictions(root, listings, broken), broken


def _without_predictions(
    root: Path, listings: list[CocoFile], issues: list[Issue]
) -> list[CocoFile]:
    """The listings of people where there are any: predictions would double their labels."""
    of_people = [listing for listing in listings if not listing.is_predicted]
    if not of_people:
        return listings
    for listing in listings:
        if listing.is_predicted:
            name = listing.path.relative_to(root)
            detail = "its predictions are not read, since there are labels. Read them instead: "
            detail += f"--set 'source.annotations=[{name}]'"
            issues.append(Issue(str(listing.path), PREDICTIONS, detail, set_aside=False))
    return of_people


def _named_listing(path: Path, rules: ListingRules) -> CocoFile:
    try:
        listing = read_listing(path, rules)
    except LabelError as error:
        raise SourceError(f"{error} Mend it, or correct `annotations`.") from None
    if listing is None:
        raise SourceError(f"{path} lists no images with labels. Correct `annotations`.")
    return listing


def _class_names(listings: Sequence[CocoFile]) -> tuple[tuple[str, ...], list[Issue]]:
    """The classes of all files, and an issue for each category that is none in any of them."""
    names = dict.fromkeys(name for listing in listings for name in listing.class_names)
    issues = []
    for listing in listings:
        for name in listing.placeholders:
            if name not in names:
                detail = "it owns no label and stands for others or for nothing: no object has it"
                item = f"{listing.path}: category '{name}'"
                issues.append(Issue(item, PLACEHOLDER, detail, set_aside=False))
    return tuple(names), issues


def _image_folders(listing: Path, root: Path, images: Path | None) -> list[Path]:
    """Where the images of a JSON file may be, the likeliest first."""
    if images is not None:
        return [images]
    split = listing.stem.rpartition("_")[2]  # annotations/instances_val2017.json: val2017/*.jpg
    usual = [listing.parent, root, root / split, root / "images" / split]
    inner = ("", *_USUAL_FOLDERS)
    return list(dict.fromkeys(folder / part for folder in usual for part in inner))


def _placed(
    listings: Sequence[CocoFile], root: Path, images: Path | None, on_disk: Sequence[Path]
) -> _Placement:
    """Find the image of every entry: first where names lead as they stand, then by names alone."""
    placement = _Placement()
    names = ImageNames.of(on_disk)
    elsewhere = []
    for coco in listings:
        placement.issues += coco.issues
        folders = _image_folders(coco.path, root, images)
        for file_name, labels in coco.entries.values():
            image = names.at(file_name, folders) or _file_at(file_name, folders, root)
            if image is None:
                elsewhere.append((coco, file_name, labels, folders))
            else:
                placement.add(image, coco, file_name, labels)
    exact = frozenset(placement.labels)
    for coco, file_name, labels, folders in elsewhere:
        found = names.meant(file_name, exact)
        if found.image is not None:
            placement.notices.add(FOUND_BY_NAME, f"{coco.path}: {file_name}")
            placement.add(found.image, coco, file_name, labels)
        else:
            placement.issues.append(_missing(coco, file_name, labels, folders, found.candidates))
    return placement


def _file_at(file_name: str, folders: Sequence[Path], root: Path) -> Path | None:
    """A file that a name leads to inside the source, whatever its suffix."""
    for folder in folders:
        path = _existing(folder, file_name)
        if path is not None and path.is_relative_to(root):
            return path
    return None


def _existing(folder: Path, file_name: str) -> Path | None:
    try:
        path = Path(os.path.normpath(folder / file_name))
        return path if path.is_file() and has_text_name(path) else None
    except (OSError, ValueError):  # a name that no file system can hold
        return None


def _missing(
    coco: CocoFile, file_name: str, labels: ImageLabels, folders: Sequence[Path], candidates: int
) -> Issue:
    """The issue of an entry that has no image, by its cause."""
    item = f"{coco.path}: {file_name:.300}"
    lost = len(labels.objects) + labels.lost
    if any(_existing(folder, file_name) for folder in folders):
        detail = "the image is not below the folder of the source"
        return Issue(item, OUTSIDE, detail, lost=lost)
    reason = f"{candidates} images may be meant" if candidates else "it is not there"
    detail = f"the image is listed with {lost} labels, but {reason}"
    return Issue(item, NO_IMAGE, detail, set_aside=lost > 0, lost=lost)


def _note_unlisted(
    on_disk: Sequence[Path], used: Container[Path], report: IssueReport, *, is_loss: bool
) -> None:
    """Report the images on disk that no JSON file lists.

    Args:
        on_disk: Every image of the source.
        used: The images that a JSON file lists.
        report: Receives one issue for each folder, or, where a JSON file cannot be read that may
            list them, one for each image, which is set aside.
        is_loss: Whether there is such a file.
    """
    unlisted: dict[Path, list[str]] = defaultdict(list)
    for image in on_disk:
        if image in used:
            continue
        unlisted[image.parent].append(image.name)
        if is_loss:
            report.add(image, NO_LABEL, "no JSON file that can be read lists it")
    for parent, names in () if is_loss else unlisted.items():
        examples = ", ".join(names[:_EXAMPLES])
        detail = f"{len(names)} images are in no file that is read, and are left out: {examples}"
        report.add(parent, NO_LABEL, detail, set_aside=False)
