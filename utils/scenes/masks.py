"""Images with one mask each, whose values or colours are classes."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from utils.errors import SourceError
from utils.images.formats import IMAGE_SUFFIXES
from utils.issues import IssueReport
from utils.labels.objects import FOUND_BY_NAME, NO_IMAGE, NO_LABEL, ImageLabels
from utils.scenes.image_files import bytes_of, files_below, images_below, scene_from
from utils.scenes.label_names import Matches, match_labels
from utils.scenes.mask_mapping import MaskMapping, labels_of_mask, mask_mapping
from utils.scenes.mirror import DatasetFolder, dataset_folder
from utils.scenes.options import MasksSource
from utils.scenes.scene import Scene, SceneSource
from utils.scenes.selection import Selection
from utils.scenes.settle import Notices, settled
from utils.shapes.shapes import ShapeKind

_IMAGES = ("images", "imgs", "img", "JPEGImages")
_MASKS = ("masks", "mask", "labels", "annotations", "SegmentationObject")
_ENDINGS = ("", "_mask", "-mask", "_masks", "_label", "_labels", "_seg", "_gt")


def open_masks(options: MasksSource) -> SceneSource:
    """Open a folder of images and masks; no mask is read.

    Raises:
        SourceError: If a folder is missing, no image has a mask, or the mapping cannot be read.
        ConfigurationError: If there is no mapping, and not one class.
        StoreError: If the bucket cannot be read.
    """
    dataset = dataset_folder(options.path)
    root = dataset.root
    mapping = mask_mapping(root, options.mapping, options.classes)
    at_images = _folder(root, options.images, _IMAGES, "images")
    at_masks = _folder(root, options.masks, _MASKS, "masks")
    images = images_below(at_images)
    if at_masks.is_relative_to(at_images):
        images = [image for image in images if not image.is_relative_to(at_masks)]
    masks = files_below(at_masks, IMAGE_SUFFIXES.__contains__)
    matches = match_labels(images, masks, partial(_expected, at_images, at_masks))
    _match_beginnings(images, matches)
    if not matches.labels:
        raise SourceError(f"No mask in {at_masks} is named like an image in {at_images}.")
    name = options.name or root.name

    def read(report: IssueReport, selection: Selection) -> Iterator[Scene]:
        notices = Notices()
        for image, copy in dataset.fetched(selection.of(images), report):
            scene = scene_from(name, root, image, None, copy)
            mask = matches.labels.get(image)
            if mask is None:
                report.add(image, NO_LABEL, "it has no mask; taken as unlabelled", set_aside=False)
                yield scene
                continue
            if image in matches.by_name:
                notices.add(FOUND_BY_NAME, mask)
            labels = _labels(dataset, mask, copy, mapping, report)
            yield settled(scene, labels, mask, notices, report, shares_possible=False)
        notices.report(name, report)
        if selection.ends_with(len(images)):
            for mask in matches.unmatched:
                report.add(mask, NO_IMAGE, "no image is named like this mask", set_aside=False)

    held = {ShapeKind.SEGMENT: 0}
    size = partial(bytes_of, images)
    return SceneSource(name, mapping.class_names, len(images), read, size, held=held)


def _labels(
    dataset: DatasetFolder, mask: Path, image: Path, mapping: MaskMapping, report: IssueReport
) -> ImageLabels:
    """The labels in the mask of an image; none, and a fault, where it cannot be used."""
    for _, copy in dataset.fetched([mask], report):
        return labels_of_mask(copy, image, mapping)
    return ImageLabels(is_labelled=False)


def _folder(root: Path, wanted: Path | None, usual: tuple[str, ...], option: str) -> Path:
    names = usual if wanted is None else (str(wanted),)
    found = next((root / name for name in names if (root / name).is_dir()), None)
    if found is None:
        raise SourceError(
            f"There is no folder {' or '.join(names)} in {root}. Name it in `{option}`."
        )
    return found


def _expected(images: Path, masks: Path, image: Path) -> list[Path]:
    """The places of the mask of an image, without suffix."""
    place = masks / image.relative_to(images).with_suffix("")
    return [place.with_name(f"{place.name}{ending}") for ending in _ENDINGS]


def _match_beginnings(images: list[Path], matches: Matches) -> None:
    """Match masks whose names are the beginnings of those of images, up to a `_`."""
    by_stem = {mask.stem: mask for mask in matches.unmatched}
    for image in images:
        mask = by_stem.get(image.stem.partition("_")[0])
        if mask is not None and image not in matches.labels:
            matches.labels[image] = by_stem.pop(mask.stem)
            matches.by_name.append(image)
            matches.unmatched.remove(mask)
