"""Whether a source of VOC files counts pixels from 0 or from 1: decided once for all its files."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from utils.errors import LabelError
from utils.labels.voc_xml import XmlLabels, parse_xml

COUNTED_FROM = "pixels counted from"
_MOST_FILES = 5000
_UNKNOWN = "Unknown"
_UNKNOWN_DATABASES = frozenset({"", "unknown", "unspecified"})


@dataclass(frozen=True, slots=True)
class Counting:
    """The number of the first pixel.

    Attributes:
        first: 0, where the right and bottom corners are exclusive, or 1, where they are inclusive.
        reason: The sign that shows it; empty where no file counts pixels as VOC does.
    """

    first: Literal[0, 1]
    reason: str


def counting_of(files: Sequence[Path], images: Path, annotations: Path) -> Counting:
    """Decide from what the label files hold, the tool that wrote them, and the folders' names.

    Args:
        files: All label files of the source; of many, some thousands are read.
        images: Folder of the images.
        annotations: Folder of the label files.
    """
    step = max(1, -(-len(files) // _MOST_FILES))
    tool: Counting | None = None
    matters = False
    for path in files[::step]:
        for found in _parsed(path):
            matters = matters or bool(found.corners)
            low = _lowest_corner(found)
            if low < 1:
                return Counting(0, f"{path} has a corner at {low:g}")
            tool = tool or _by_tool(found, path)
    return tool or (_by_folders(images, annotations) if matters else Counting(1, ""))


def _parsed(path: Path) -> Iterable[XmlLabels]:
    try:
        return parse_xml(path)
    except LabelError:  # reported when its image is read
        return ()


def _lowest_corner(found: XmlLabels) -> float:
    """The least left or top of the boxes of an image; infinite where there is none in pixels."""
    if found.shares:
        return math.inf
    return min(
        (value for hull, _ in found.corners.values() for value in hull[:2]), default=math.inf
    )


def _by_tool(found: XmlLabels, path: Path) -> Counting | None:
    """The counting of the tool that wrote a file, as seen in files that these tools wrote."""
    database = found.signs.get("source/database")
    if found.signs.get("owner/name") == "Label Studio":
        return Counting(0, f"{path} was written by Label Studio")
    if database is None or not found.corners:
        return None
    if database.lower().startswith("the voc"):
        return Counting(1, f"{path} belongs to '{database}'")
    sources = [found.signs.get(f"source/{key}") for key in ("database", "annotation", "image")]
    if "path" not in found.signs and sources == [_UNKNOWN] * 3:  # as in datumaro's VOC exporter
        return Counting(0, f"{path} has the marks of CVAT or Datumaro")
    if database.lower() in _UNKNOWN_DATABASES and "path" in found.signs:
        return Counting(0, f"{path} has the marks of LabelImg, makesense or FiftyOne")
    return None


def _by_folders(images: Path, annotations: Path) -> Counting:
    names = images.name, annotations.name
    if names == ("images", "Annotations"):
        return Counting(0, "the folders are named as Label Studio exports them")
    if names == ("data", "labels"):
        return Counting(0, "the folders are named as FiftyOne exports them")
    return Counting(1, "nothing shows otherwise, and the VOC kit counts so")
