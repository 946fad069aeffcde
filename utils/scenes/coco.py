"""COCO: images listed in a JSON file, with their boxes.

Only the boxes are read: outlines, run-length masks and `iscrowd` are accepted and not used.
"""

from __future__ import annotations

import json
import os
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from utils.box_formats import from_coco
from utils.errors import SourceError
from utils.images.formats import IMAGE_SUFFIXES
from utils.issues import Issue, IssueReport
from utils.scenes.image_files import (
    bytes_of,
    files_below,
    first_folder,
    scene_from,
)
from utils.scenes.labels import (
    NO_IMAGE,
    NO_LABEL,
    UNKNOWN_CLASS,
    UNREADABLE_LABEL,
    boxes_from,
    coordinates,
)
from utils.scenes.mirror import dataset_folder
from utils.scenes.options import CocoSource
from utils.scenes.scene import Scene, SceneSource
from utils.scenes.selection import Selection

_EXAMPLES = 3


@dataclass(frozen=True, slots=True)
class _Entry:
    """One image of a JSON file: its file name there, and its boxes as COCO writes them."""

    file_name: str
    rows: list[list[float]] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Listing:
    """What one JSON file says."""

    path: Path
    entries: list[_Entry]
    class_names: tuple[str, ...]
    issues: list[Issue]


def open_coco(options: CocoSource) -> SceneSource:
    """Open a folder of images and COCO JSON.

    The JSON is read whole; the images are not touched.

    Raises:
        SourceError: If the folder is missing, or there is no readable JSON with images in it.
    """
    dataset = dataset_folder(options.path)
    root = dataset.root
    images = first_folder(root, options.images, ()) if options.images else None
    listings = _listings(root, options.annotations)
    count = sum(len(listing.entries) for listing in listings)
    if count == 0:
        raise SourceError(f"{listings[0].path} lists no image. Choose other `annotations`.")
    class_names = dict.fromkeys(name for listing in listings for name in listing.class_names)
    name = options.name or root.name

    def read(report: IssueReport, selection: Selection) -> Iterator[Scene]:
        used: set[Path] = set()
        # Every share goes through all listings, and one of them says what is wrong there.
        noted = report if selection.shard == 0 else IssueReport()
        entries = dict(selection.of(_placed(listings, root, images, used, noted)))
        for image, copy in dataset.fetched(entries, report):
            boxes = boxes_from(from_coco(entries[image].rows), entries[image].labels)
            yield scene_from(name, root, image, boxes, copy)
        if selection.ends_with(count):
            _note_unlisted(images or root, used, report)

    def total_bytes() -> int:
        return bytes_of(files_below(images or root, IMAGE_SUFFIXES.__contains__))

    return SceneSource(name, tuple(class_names), count, read, total_bytes)


def _listings(root: Path, wanted: tuple[Path, ...]) -> list[_Listing]:
    if wanted:
        return [_listing(root / path, _content(root / path)) for path in wanted]
    found = [(path, _content(path)) for path in files_below(root, ".json".__eq__)]
    listings = [_listing(path, content) for path, content in found if _is_coco(content)]
    if not listings:
        raise SourceError(
            f"There is no COCO JSON below {root}. "
            "It is a JSON file with `images`, `annotations` and `categories`."
        )
    return listings


def _content(path: Path) -> Any:
    try:
        return json.loads(path.read_bytes())
    except OSError as error:
        raise SourceError(f"{path} cannot be read ({error.strerror}).") from error
    except ValueError as error:
        raise SourceError(
            f"{path} is not readable JSON ({error}). Mend it, or name others in `annotations`."
        ) from error


def _is_coco(content: Any) -> bool:
    return isinstance(content, dict) and isinstance(content.get("images"), list)


def _listing(path: Path, content: Any) -> _Listing:
    if not _is_coco(content):
        raise SourceError(f"{path} is JSON but not COCO's: it has no list of `images`.")
    issues: list[Issue] = []
    names = _category_names(path, content.get("categories") or [])
    entries = _entries(path, content["images"], issues)
    _distribute(path, content.get("annotations") or [], names, entries, issues)
    return _Listing(path, list(entries.values()), tuple(names.values()), issues)


def _category_names(path: Path, categories: list[Any]) -> dict[Any, str]:
    try:
        return {item["id"]: str(item["name"]) for item in categories}
    except (KeyError, TypeError) as error:
        raise SourceError(
            f"{path} is not valid COCO JSON: each of its `categories` needs `id` and `name`."
        ) from error


def _entries(path: Path, images: list[Any], issues: list[Issue]) -> dict[Any, _Entry]:
    """The images by id; those without a name or an id of their own are reported."""
    entries: dict[Any, _Entry] = {}
    for number, image in enumerate(images):
        try:
            key, entry = image["id"], _Entry(str(image["file_name"]))
            known = entries.setdefault(key, entry)
        except (KeyError, TypeError):
            detail = "it has no usable `id` and `file_name`"
            issues.append(Issue(f"{path}: images[{number}]", UNREADABLE_LABEL, detail))
            continue
        if known is not entry:
            detail = f"{known.file_name} has the id {key} already"
            issues.append(Issue(f"{path}: {entry.file_name}", UNREADABLE_LABEL, detail))
    return entries


def _distribute(
    path: Path,
    annotations: list[Any],
    names: dict[Any, str],
    entries: dict[Any, _Entry],
    issues: list[Issue],
) -> None:
    """Give every annotation to its image; those that have no image or no class are reported."""
    without_image: Counter[object] = Counter()
    for number, annotation in enumerate(annotations):
        try:
            image_id, category = annotation["image_id"], annotation["category_id"]
            entry, label = entries.get(image_id), names.get(category)
        except (KeyError, TypeError):
            detail = "it has no usable `image_id` and `category_id`"
            item = f"{path}: annotations[{number}]"
            issues.append(Issue(item, UNREADABLE_LABEL, detail, set_aside=False))
            continue
        if entry is None:
            without_image[image_id] += 1
        elif label is None:
            detail = f"annotations[{number}] has category {category}, which is not listed"
            item = f"{path}: {entry.file_name}"
            issues.append(Issue(item, UNKNOWN_CLASS, detail, set_aside=False))
        else:
            entry.rows.append(coordinates(annotation.get("bbox")))
            entry.labels.append(label)
    for image_id, boxes in without_image.items():
        detail = f"{boxes} annotations belong to image {image_id}, which is not listed"
        issues.append(Issue(f"{path}: image {image_id}", NO_IMAGE, detail, set_aside=False))


def _image_folders(listing: Path, root: Path, images: Path | None) -> list[Path]:
    """Where the images of a JSON file may be, the likeliest first."""
    if images is not None:
        return [images]
    split = listing.stem.rpartition("_")[2]  # annotations/instances_val2017.json: val2017/*.jpg
    usual = [listing.parent, root, root / split, root / "images" / split]
    return list(dict.fromkeys(part for folder in usual for part in (folder, folder / "images")))


def _placed(
    listings: list[_Listing],
    root: Path,
    images: Path | None,
    used: set[Path],
    report: IssueReport,
) -> Iterator[tuple[Path, _Entry]]:
    """Yield every entry whose image is there with its image, which is then in `used`."""
    for listing in listings:
        report.extend(listing.issues)
        folders = _image_folders(listing.path, root, images)
        for entry in listing.entries:
            image = _find(entry.file_name, folders)
            item = f"{listing.path}: {entry.file_name}"
            if image is None:
                detail = f"the image is listed with {len(entry.rows)} boxes but is not there"
                is_loss = bool(entry.rows)
                report.add(item, NO_IMAGE, detail, set_aside=is_loss)
            elif not image.is_relative_to(root):
                report.add(item, "image outside the source", f"{image} is not below {root}")
            elif image in used:
                detail = f"the {len(entry.rows)} boxes of its second entry are left out"
                report.add(item, "image listed twice", detail, set_aside=False)
            else:
                used.add(image)
                yield image, entry


def _find(file_name: str, folders: list[Path]) -> Path | None:
    candidates = (Path(os.path.normpath(folder / file_name)) for folder in folders)
    return next((path for path in candidates if path.is_file()), None)


def _note_unlisted(folder: Path, used: set[Path], report: IssueReport) -> None:
    """Report, folder by folder, the images on disk that no JSON file lists."""
    unlisted: dict[Path, list[str]] = defaultdict(list)
    for image in files_below(folder, IMAGE_SUFFIXES.__contains__):
        if image not in used:
            unlisted[image.parent].append(image.name)
    for parent, names in unlisted.items():
        examples = ", ".join(names[:_EXAMPLES])
        detail = f"{len(names)} images are in no JSON file and are not read: {examples}"
        report.add(parent, NO_LABEL, detail, set_aside=False)
