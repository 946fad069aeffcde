"""Images with one mask each, whose values or colours are classes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import yaml

from utils.errors import ConfigurationError, ImageError, LabelError, SourceError
from utils.images.formats import IMAGE_SUFFIXES
from utils.images.rasters import gdal_settings
from utils.issues import IssueReport
from utils.labels.mask_images import classes_by_value, has_colours, objects_in, values_of
from utils.labels.objects import FOUND_BY_NAME, NO_IMAGE, NO_LABEL, UNREADABLE_LABEL, ImageLabels
from utils.labels.texts import read_text
from utils.scenes.frames import OTHER_SIZE, frame_if_readable
from utils.scenes.image_files import bytes_of, files_below, images_below, scene_from
from utils.scenes.label_names import Matches, match_labels
from utils.scenes.mirror import DatasetFolder, dataset_folder
from utils.scenes.options import MasksSource
from utils.scenes.region_masks import opened_raster
from utils.scenes.scene import Scene, SceneSource
from utils.scenes.selection import Selection
from utils.scenes.settle import Notices, settled
from utils.shapes.shapes import ShapeKind

_IMAGES = ("images", "imgs", "img", "JPEGImages")
_MASKS = ("masks", "mask", "labels", "annotations", "SegmentationObject")
_ENDINGS = ("", "_mask", "-mask", "_masks", "_label", "_labels", "_seg", "_gt")
_MOST_PIXELS = 1 << 26


@dataclass(frozen=True, slots=True)
class _Mapping:
    """The classes of the values of masks.

    Attributes:
        classes: Class of each value; None for one that is no object.
        coloured: Whether the values are colours.
        only_class: Class of values that are not named, where there is one class only.
    """

    classes: Mapping[int, str | None]
    coloured: bool
    only_class: str | None

    def labels_in(self, mask: Path) -> ImageLabels:
        """The objects in a mask.

        Raises:
            ImageError: If it cannot be read.
            LabelError: If it is too large, or has numbers in place of colours.
        """
        with opened_raster(mask) as raster:
            if raster.width * raster.height > _MOST_PIXELS:
                raise LabelError(
                    f"is larger than {_MOST_PIXELS:,} pixels; cut it, or give polygons"
                )
            has_palette = raster.colorinterp[0].name == "palette"
            with gdal_settings():
                bands = raster.read()
                palette = raster.colormap(1) if has_palette else None
        values = values_of(bands, palette, coloured=self.coloured)
        return objects_in(values, self.classes, self.only_class, coloured=self.coloured)


def open_masks(options: MasksSource) -> SceneSource:
    """Open a folder of images and masks; no mask is read.

    Raises:
        SourceError: If a folder is missing, no image has a mask, or the mapping cannot be read.
        ConfigurationError: If there is no mapping, and not one class.
        StoreError: If the bucket cannot be read.
    """
    dataset = dataset_folder(options.path)
    root = dataset.root
    mapping = _mapping(root, options)
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

    names = dict.fromkeys(filter(None, [*mapping.classes.values(), mapping.only_class]))
    held = {ShapeKind.SEGMENT: 0}
    size = partial(bytes_of, images)
    return SceneSource(name, tuple(names), len(images), read, size, held=held)


def _labels(
    dataset: DatasetFolder, mask: Path, image: Path, mapping: _Mapping, report: IssueReport
) -> ImageLabels:
    """The labels in the mask of an image; none, and a fault, where it cannot be used."""
    labels = ImageLabels(is_labelled=False)
    for _, copy in dataset.fetched([mask], report):
        try:
            labels = mapping.labels_in(copy)
        except (ImageError, LabelError) as error:
            detail = str(error) if isinstance(error, ImageError) else f"the mask {error}"
            labels.add_fault(detail, UNREADABLE_LABEL)
            return labels
    frame = frame_if_readable(image)
    if frame is None or labels.frame in (None, frame.size, frame.size[::-1]):
        return labels
    aside = ImageLabels(is_labelled=False)
    sizes = "{:g} x {:g} pixels, and its image {:g} x {:g}".format(*labels.frame, *frame.size)
    aside.add_fault(
        f"the mask has {sizes}; it is left out", OTHER_SIZE, max(len(labels.objects), 1)
    )
    return aside


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


def _mapping(root: Path, options: MasksSource) -> _Mapping:
    given = options.mapping
    if isinstance(given, Path):
        given = _read_mapping(root / given)
    if not given and len(options.classes) != 1:
        raise ConfigurationError(
            "Masks need a `mapping` of their values to classes, or one class in `classes`."
        )
    try:
        classes = classes_by_value(given)
    except LabelError as error:
        raise ConfigurationError(f"source.mapping: {error}.") from None
    only = None if given else options.classes[0]
    return _Mapping(classes, has_colours(given), only)


def _read_mapping(path: Path) -> dict[str, str | None]:
    try:
        content = yaml.safe_load(read_text(path))
    except (LabelError, yaml.YAMLError) as error:
        raise SourceError(f"The mapping {path} cannot be read: {error}. Mend it.") from None
    if not isinstance(content, dict):
        raise SourceError(f"The mapping {path} is no mapping of values to classes. Mend it.")
    return {str(key): None if name is None else str(name) for key, name in content.items()}
