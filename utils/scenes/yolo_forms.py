"""The form of the rows of a YOLO source, seen in its first label files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import islice
from pathlib import Path

import numpy as np

from utils.errors import LabelError
from utils.issues import IssueReport
from utils.labels.dota_lines import is_dota
from utils.labels.texts import read_text
from utils.labels.yolo_lines import outlines_in
from utils.scenes.frames import frame_if_readable
from utils.scenes.mirror import DatasetFolder
from utils.shapes.outlines import are_rectangles, of_corners

_LOOKED_AT = 100  # label files
_MEASURED = 20  # images whose size is read


def holds_dota(labels: Iterable[Path]) -> bool:
    """Whether one of the first label files is DOTA's."""
    return any(is_dota(_text(label)) for label in islice(labels, _LOOKED_AT))


def has_oriented_boxes(dataset: DatasetFolder, labels: Mapping[Path, Path]) -> bool:
    """Whether rows of four corners are oriented boxes: where no outline has another number.

    All of the first must be rectangles in pixels, which the sizes of their images decide.

    Args:
        dataset: Folder of the images.
        labels: Label file of each image.
    """
    found = {}
    for image, label in islice(labels.items(), _LOOKED_AT):
        quadrilaterals, has_others = outlines_in(_text(label))
        if has_others:
            return False
        if quadrilaterals:
            found[image] = np.array(quadrilaterals)
    measured = 0
    for image, copy in dataset.fetched(list(islice(found, _MEASURED)), IssueReport()):
        frame = frame_if_readable(copy)
        if frame is not None:
            measured += 1
            if not are_rectangles(of_corners(found[image] * frame.size)).all():
                return False
    return measured > 0


def _text(label: Path) -> str:
    try:
        return read_text(label)
    except LabelError:  # reported when its image is read
        return ""
