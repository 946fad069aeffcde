"""Files that list images with their labels, known by their content: COCO's and those of tools."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from utils.errors import LabelError
from utils.labels.camtrap_dp import camtrap_file, is_camtrap
from utils.labels.coco_json import CocoFile, coco_file
from utils.labels.datumaro_json import datumaro_file, is_datumaro
from utils.labels.fiftyone_json import fiftyone_file, is_fiftyone
from utils.labels.json_kinds import foreign_kind, foreign_table, is_coco
from utils.labels.label_studio_json import is_label_studio, label_studio_file
from utils.labels.labelme_json import is_labelme, labelme_file
from utils.labels.makesense_csv import first_row, is_makesense, makesense_file
from utils.labels.megadetector_json import is_megadetector, megadetector_file
from utils.labels.texts import read_json
from utils.labels.vgg_json import is_vgg, vgg_file

LISTING_SUFFIXES = frozenset({".json", ".csv"})


@dataclass(frozen=True, slots=True)
class ListingRules:
    """The options of a source that concern its listings.

    Attributes:
        label_field: Field of the labels in FiftyOne's samples, or attribute of the class in VGG's
            annotator; None for the one that is meant.
        only_class: Class of labels whose file names no class at all.
        least_score: Least score of a detection that counts as a label; None where predictions do
            not count.
    """

    label_field: str | None = None
    only_class: str | None = None
    least_score: float | None = None


def read_listing(path: Path, rules: ListingRules) -> CocoFile | None:
    """The images and labels of a file; None for one that lists none.

    Args:
        path: A file with a suffix of `LISTING_SUFFIXES`.
        rules: How it is read.

    Raises:
        LabelError: If it cannot be read, or is of a tool whose files are not read here.
    """
    if path.suffix.lower() == ".csv":
        return _of_table(path)
    content, doubled = read_json(path)
    if is_coco(content):
        return coco_file(path, content, doubled, rules.only_class)
    return _of_tool(path, content, rules)


def _of_table(path: Path) -> CocoFile | None:
    if is_makesense(path):
        return makesense_file(path)
    if remedy := foreign_table(first_row(path)):
        raise ForeignFileError(f"{path} is no table that is read. {remedy}")
    return None


def _of_tool(path: Path, content: Any, rules: ListingRules) -> CocoFile | None:
    if is_camtrap(content):
        return camtrap_file(path, content)
    if is_labelme(content):
        return labelme_file(path, content)
    if is_label_studio(content):
        return label_studio_file(path, content)
    if is_datumaro(content):
        return datumaro_file(path, content)
    if is_fiftyone(content):
        return fiftyone_file(path, content, rules.label_field)
    if is_vgg(content):
        return vgg_file(path, content, rules.label_field)
    if is_megadetector(content) and rules.least_score is not None:
        return megadetector_file(path, content, rules.least_score)
    if remedy := foreign_kind(content):
        raise ForeignFileError(f"{path} is no COCO JSON. {remedy}")
    return None


class ForeignFileError(LabelError):
    """A file of a tool whose files are not read; whether labels are lost is not known."""
