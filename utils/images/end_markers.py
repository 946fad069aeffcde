"""Whether the end of an image file is there."""

from __future__ import annotations

import mmap
from pathlib import Path

from utils.images.facts import NO_END_MARKER, Note
from utils.images.formats import JPEG, ImageFormat

CUT = Note(NO_END_MARKER, "the file was cut, damaged at its end, or is still being written")
_START_OF_SCAN = b"\xff\xda"


def lacks_end_marker(path: Path, kind: ImageFormat) -> bool:
    """Whether a file ends before its end marker; more may follow a marker that is there.

    Only a JPEG's thumbnail has a marker of its own, and lies before the pixels; in the pixels of no
    format can a marker occur by chance.
    """
    if not kind.end_marker:
        return False
    with (
        path.open("rb") as stream,
        mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as content,
    ):
        if content[-len(kind.end_marker) :] == kind.end_marker:
            return False
        start = content.rfind(_START_OF_SCAN) if kind is JPEG else 0
        return content.rfind(kind.end_marker, max(start, 0)) < 0
