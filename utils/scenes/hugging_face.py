"""Hugging Face datasets, streamed: neither the dataset nor its images are ever all in memory.

Images are not decoded: their bytes go to files in the local cache as they are.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import groupby
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from utils.errors import SourceError
from utils.images.georeference import read_georeference
from utils.issues import IssueReport
from utils.labels.objects import ImageLabels
from utils.scenes.given_splits import split_named
from utils.scenes.hugging_face_columns import BOXES, LabelColumns, gathered, value_of
from utils.scenes.hugging_face_images import DatasetImage, ImageSpool
from utils.scenes.hugging_face_loading import dataset_name, load_streamed
from utils.scenes.hugging_face_schema import (
    is_declared_image,
    label_columns,
    require_column,
    undecoded,
)
from utils.scenes.image_files import folder_tags
from utils.scenes.mask_mapping import labels_of_mask
from utils.scenes.options import HuggingFaceSource
from utils.scenes.scene import Scene, SceneSource
from utils.scenes.selection import Selection
from utils.scenes.settle import Notices, settled

if TYPE_CHECKING:
    from datasets import IterableDataset

UNREADABLE_ROW = "row cannot be read"


def open_hugging_face(options: HuggingFaceSource) -> SceneSource:
    """Open a dataset on the hub or in a local folder; only its description is read.

    A scene's id holds the path of its image in the dataset; where the dataset keeps none, the hash
    of the image's bytes.

    Raises:
        SourceError: If the dataset or its split cannot be found or reached, or has other columns.
        ConfigurationError: If the classes have no names.
    """
    dataset, scene_count = load_streamed(options)
    if options.group_column is not None:
        require_column(dataset.features, options.group_column, "group_column")
    is_declared_image(dataset.features, options.image_column)
    columns = label_columns(dataset.features, options)
    pictures = [options.image_column, *([options.mask_column] if options.mask_column else [])]
    for column, feature in undecoded(dataset.features, pictures).items():
        dataset = dataset.cast_column(column, feature)
    name = options.name or dataset_name(options.dataset)

    def read(report: IssueReport, selection: Selection) -> Iterator[Scene]:
        spool = ImageSpool(name, options.dataset)
        # A stream can only be gone through: every share sees all rows, and one reports on them.
        noted = report if selection.shard == 0 else IssueReport()
        rows = _rows(dataset, options.dataset)
        if columns and columns.one_box_a_row:
            rows = _gathered(rows, options.image_column, columns)
        notices = Notices()
        for item, image, row in selection.of(_images(rows, name, spool, options, noted)):
            scene = _scene(row, item, image, spool, columns, notices, report)
            if scene is not None:
                group = _group(row, options.group_column) or scene.group
                yield replace(scene, group=group, split=split_named(options.split))
        notices.report(name, report)

    class_names = columns.class_names if columns else ()
    held = dict.fromkeys(columns.kinds, 0) if columns else {}
    return SceneSource(name, class_names, scene_count, read, held=held)


def _rows(dataset: IterableDataset, name: str) -> Iterator[dict[str, Any]]:
    try:
        yield from dataset
    except Exception as error:  # network, Parquet and archives each have errors of their own
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        raise SourceError(
            f"Reading the dataset '{name}' stopped halfway ({reason}). Run this again."
        ) from error


def _gathered(
    rows: Iterator[dict[str, Any]], image_column: str, columns: LabelColumns
) -> Iterator[dict[str, Any]]:
    """Join neighbouring rows of one image, each with one of its boxes."""
    for _, group in groupby(rows, lambda row: str(row[image_column])):
        values = list(group)
        yield gathered(values[0], columns, values)


def _images(
    rows: Iterator[dict[str, Any]],
    name: str,
    spool: ImageSpool,
    options: HuggingFaceSource,
    report: IssueReport,
) -> Iterator[tuple[str, DatasetImage, dict[str, Any]]]:
    """Yield what each row is called in reports, its image and the row; each image once."""
    seen: set[PurePosixPath] = set()
    for number, row in enumerate(rows):
        item = f"{name}, row {number}"
        try:
            image = spool.find(row[options.image_column])
        except (OSError, ValueError) as error:
            report.add(item, UNREADABLE_ROW, error)
            continue
        if image.place in seen:
            detail = "the second one is left out"
            lost = len(row.get(BOXES, ()))  # the boxes of an image may not lie apart
            report.add(
                f"{name}/{image.place}", "scene appears twice", detail, set_aside=False, lost=lost
            )
        else:
            seen.add(image.place)
            yield item, image, row


def _labels(
    row: dict[str, Any], image: Path, columns: LabelColumns, spool: ImageSpool
) -> ImageLabels | None:
    """The labels of a row; None where it has none at all.

    Raises:
        ValueError: If they are not as the columns promise.
        OSError: If a mask cannot be read.
    """
    if columns.masks is None:
        return columns.labels_of(row)
    column, mapping = columns.masks
    if row[column] is None:
        return None
    return labels_of_mask(spool.beside(row[column]), image, mapping)


def _group(row: dict[str, Any], column: str | None) -> str | None:
    named = None if column is None else value_of(row, column)
    return None if named is None else str(named)


def _scene(
    row: dict[str, Any],
    item: str,
    image: DatasetImage,
    spool: ImageSpool,
    columns: LabelColumns | None,
    notices: Notices,
    report: IssueReport,
) -> Scene | None:
    try:
        path = spool.save(image)
        labels = _labels(row, path, columns, spool) if columns else None
    except (OSError, ValueError) as error:
        report.add(item, UNREADABLE_ROW, error)
        return None
    scene = Scene(
        id=f"{spool.name}/{image.place}",
        path=path,
        tags=folder_tags(image.place.parent.parts),
        georeference=read_georeference(path),
    )
    return settled(scene, labels, item, notices, report) if labels else scene
