"""Facts about an image file, from its header."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from utils.images.orientation import SIDEWAYS

SEVERAL_PAGES = "image has several pages"
FURTHER_BANDS = "image has further bands"
NO_END_MARKER = "image lacks its end marker"


class Note(NamedTuple):
    """Something about an image that a person should know, although the image is used.

    Attributes:
        kind: A short fixed phrase, as in `Issue`.
        detail: One sentence with the particulars.
    """

    kind: str
    detail: str


@dataclass(frozen=True, slots=True)
class ImageFacts:
    """The facts in the header of an image file.

    Attributes:
        format: Name of the format, such as "TIFF".
        stored_width: Width of the pixels as they are stored, before `orientation` turns them.
        stored_height: Height of the pixels as they are stored.
        bands: Number of bands in the file.
        dtype: Type of the stored numbers, such as "uint16".
        orientation: As in Exif, 1 (upright) to 8.
        page: The page that is read, counted from 1.
        chosen: The bands that are read as grey, or as red, green and blue, counted from 1.
        nodata: The number that stands for no data, or None.
        is_masked: Whether the file has a mask or an alpha band that says where it has data.
        notes: Choices that were made for the file, and what it lacks.
    """

    format: str
    stored_width: int
    stored_height: int
    bands: int
    dtype: str
    orientation: int = 1
    page: int = 1
    chosen: tuple[int, ...] = ()
    nodata: float | None = None
    is_masked: bool = False
    notes: tuple[Note, ...] = ()

    @property
    def is_narrowed(self) -> bool:
        """Whether its numbers of 64 bits are read as 32, and as "not a number" without data."""
        return self.dtype in ("float64", "int64", "uint64")

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the upright image, in pixels."""
        stored = self.stored_width, self.stored_height
        return stored[::-1] if self.orientation in SIDEWAYS else stored


def no_such_page(path: Path, pages: int, page: int) -> str:
    """The sentence about an image that lacks the page or frame that the options ask for."""
    return (
        f"{path} has {pages} page{'' if pages == 1 else 's'}, and pixels.page asks for {page}. "
        "Correct pixels.page in the configuration."
    )


def pages_note(pages: int, page: int, what: str = "page") -> tuple[Note, ...]:
    """The note about a file of several pages or frames; none where there is one."""
    if pages < 2:
        return ()
    detail = f"of its {pages} {what}s, {what} {page} is read. Choose another by pixels.page"
    return (Note(SEVERAL_PAGES, detail),)
