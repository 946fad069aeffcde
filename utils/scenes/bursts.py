"""Bursts of a camera trap: images of one folder that were taken seconds after each other."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from itertools import pairwise
from pathlib import Path

from PIL import Image, UnidentifiedImageError

_EXIF, _TAKEN_AT, _CHANGED_AT = 0x8769, 0x9003, 0x0132  # Exif 2.32
_FORM = "%Y:%m:%d %H:%M:%S"


def bursts_of(images: Iterable[Path], seconds: float) -> Mapping[Path, str]:
    """The burst of each image, named after the first image of it.

    Images whose EXIF does not tell when they were taken belong to none.

    Args:
        images: Images on this disk.
        seconds: Longest pause within a burst.
    """
    by_folder: dict[Path, list[tuple[datetime, Path]]] = {}
    for image in images:
        if (taken := taken_at(image)) is not None:
            by_folder.setdefault(image.parent, []).append((taken, image))
    bursts: dict[Path, str] = {}
    for rows in by_folder.values():
        rows.sort()
        first = rows[0][1]
        bursts[first] = first.name
        for (before, _), (after, image) in pairwise(rows):
            if (after - before).total_seconds() > seconds:
                first = image
            bursts[image] = first.name
    return bursts


def taken_at(image: Path) -> datetime | None:
    """The time at which an image was taken by its EXIF, of no time zone; None without one."""
    try:
        with Image.open(image) as opened:
            facts = opened.getexif()
            text = facts.get_ifd(_EXIF).get(_TAKEN_AT) or facts.get(_CHANGED_AT)
        return datetime.strptime(str(text).strip("\0 "), _FORM) if text else None
    except (OSError, UnidentifiedImageError, ValueError, SyntaxError, KeyError):
        return None
