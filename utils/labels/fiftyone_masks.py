"""The masks of FiftyOne's detections: arrays within the JSON, or PNG files beside it."""

from __future__ import annotations

import base64
import binascii
import os
import re
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from utils.errors import LabelError
from utils.labels import places
from utils.labels.masks import from_png
from utils.labels.objects import Hull
from utils.labels.places import Place
from utils.labels.texts import file_bytes
from utils.shapes.masks import MOST_PIXELS, Mask, outline_of

# The header of an array of two axes with one byte a value, as numpy writes it.
_HEADER = re.compile(
    rb"\{'descr': '\|[bu]1', 'fortran_order': (?P<order>True|False), "
    rb"'shape': \((?P<height>\d{1,9}), (?P<width>\d{1,9})\), \}\s*"
)


def mask_file(label: Mapping[str, Any], folder: Path) -> Path | None:
    """The file of a label's mask; None where it has none in the folder of its JSON."""
    name = label.get("mask_path")
    if not isinstance(name, str) or not name or "\0" in name:
        return None
    path = Path(os.path.normpath(folder / name))
    return path if path.is_relative_to(folder) else None


def masked(label: Mapping[str, Any], hull: Hull, folder: Path) -> Place:
    """The place of a label with a mask, which is stretched over its box.

    It is the box alone where there is no mask, or none that can be read.
    """
    mask = _array(label.get("mask"))
    path = mask_file(label, folder)
    if mask is None and path is not None:
        mask = _picture(path)
    polygon = None if mask is None else outline_of(mask)
    if mask is None or polygon is None:
        has_one = label.get("mask") is not None or label.get("mask_path") is not None
        return Place(hull, "mask" if has_one else "box")
    return _stretched(polygon, mask, hull)


def _stretched(polygon: Any, mask: Mask, hull: Hull) -> Place:
    import shapely

    x1, y1, x2, y2 = hull
    stretch = np.array([(x2 - x1) / mask.shape[1], (y2 - y1) / mask.shape[0]])
    return places.of_polygon(shapely.transform(polygon, lambda at: at * stretch + (x1, y1)), "mask")


def _picture(path: Path) -> Mask | None:
    try:
        return from_png(file_bytes(path))
    except LabelError:
        return None


def _array(value: object) -> Mask | None:
    """A mask as FiftyOne stores it: numpy's format, compressed by zlib, in base64."""
    binary = value.get("$binary") if isinstance(value, Mapping) else None
    text = binary.get("base64") if isinstance(binary, Mapping) else None
    if not isinstance(text, str):
        return None
    try:
        unpacked = zlib.decompressobj().decompress(base64.b64decode(text), MOST_PIXELS + 1024)
    except (binascii.Error, zlib.error, ValueError):
        return None
    return _array_in(unpacked)


def _array_in(content: bytes) -> Mask | None:
    """The mask in a file of numpy's format 1.0, whose header must fit its bytes.

    `numpy.load` would reserve whatever memory the header asks for, and read other formats.
    """
    length = int.from_bytes(content[8:10], "little")
    header = _HEADER.fullmatch(content[10 : 10 + length])
    if content[:8] != b"\x93NUMPY\x01\x00" or header is None:
        return None
    height, width = int(header["height"]), int(header["width"])
    values = content[10 + length :]
    if not 0 < height * width == len(values):
        return None
    shape = (width, height) if header["order"] == b"True" else (height, width)
    mask = np.frombuffer(values, np.uint8).reshape(shape)
    return ((mask.T if header["order"] == b"True" else mask) > 0).astype(np.uint8)
