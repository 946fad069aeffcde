"""The pages of a TIFF, from their directories alone."""

from __future__ import annotations

import os
import re
import struct
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_MOST_PAGES = 10_000
_BIG_TIFF = 43
_THUMBNAIL_SHARE = 0.25  # of the largest page's pixels; a page this small is no picture of its own
_REDUCED, _MASK = 1, 4  # TIFF 6.0, NewSubfileType: bits of a smaller copy and of a mask
_OLD_REDUCED = 2  # SubfileType
_IMAGEJ_IMAGES = re.compile(r"^ImageJ=.*?^images=(\d+)", re.DOTALL | re.MULTILINE)
CMYK, CIELAB = 5, 8  # photometric interpretations


@dataclass(frozen=True, slots=True)
class TiffPage:
    """One page of a TIFF.

    Attributes:
        number: Its place in the file, counted from 1.
        width: Width of the stored pixels.
        height: Height of the stored pixels.
        is_copy: Whether it is a smaller copy or the mask of another page.
        orientation: As in Exif, 1 (upright) to 8.
        photometric: How its numbers are to be seen, such as `CMYK`.
        bits: Bits of each number.
        description: Description of the page by the program that wrote it.
        colour_profile: ICC profile, or None.
    """

    number: int
    width: int
    height: int
    is_copy: bool
    orientation: int
    photometric: int
    bits: int
    description: str
    colour_profile: bytes | None

    @property
    def pixels(self) -> int:
        """Width times height."""
        return self.width * self.height


def tiff_pages(path: Path) -> tuple[TiffPage, ...]:
    """The pages of a TIFF, up to the first that is damaged.

    Raises:
        OSError: If it cannot be read.
    """
    pages: list[TiffPage] = []
    with path.open("rb") as stream:
        header = stream.read(8)
        if header[2:4] in (b"+\x00", b"\x00+"):
            header += stream.read(8)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # reported when the page is read
                _read_pages(stream, header, pages)
        except (SyntaxError, ValueError, TypeError, KeyError, IndexError, struct.error):
            pass
        except OSError as error:
            if error.errno is not None:
                raise
    return tuple(pages)


def _read_pages(stream: Any, header: bytes, pages: list[TiffPage]) -> None:
    from PIL.TiffImagePlugin import ImageFileDirectory_v2

    directory = ImageFileDirectory_v2(header)
    size = os.fstat(stream.fileno()).st_size
    seen: set[int] = set()
    while directory.next and directory.next not in seen and len(pages) < _MOST_PAGES:
        seen.add(directory.next)
        if directory.next >= size:
            return
        stream.seek(directory.next)
        directory.load(stream)
        pages.append(_page(len(pages) + 1, directory))


def _page(number: int, tags: Any) -> TiffPage:
    subfile = int(tags.get(254) or 0)
    return TiffPage(
        number=number,
        width=int(tags[256]),
        height=int(tags[257]),
        is_copy=bool(subfile & (_REDUCED | _MASK)) or tags.get(255) == _OLD_REDUCED,
        orientation=_within(tags.get(274), 1, 8),
        photometric=int(_first(tags.get(262), 1)),
        bits=int(_first(tags.get(258), 1)),
        description=str(tags.get(270) or ""),
        colour_profile=tags.get(34675),
    )


def _first(value: Any, default: int) -> Any:
    return (value[0] if value else default) if isinstance(value, tuple) else value or default


def _within(value: Any, lowest: int, highest: int) -> int:
    return value if isinstance(value, int) and lowest <= value <= highest else lowest


def main_page(pages: Sequence[TiffPage]) -> TiffPage:
    """The page that a file is about: the first that is neither a copy, a mask nor a thumbnail."""
    pictures = [page for page in pages if not page.is_copy] or list(pages)
    largest = max(page.pixels for page in pictures)
    return next(page for page in pictures if page.pixels >= largest * _THUMBNAIL_SHARE)


def picture_count(pages: Sequence[TiffPage]) -> int:
    """The number of pictures in a file: pages that are no copies, or the images of an ImageJ stack.

    ImageJ writes a large stack as one page, with the further images behind its pixels.
    """
    found = _IMAGEJ_IMAGES.search(pages[0].description) if pages else None
    pictures = sum(not page.is_copy for page in pages)
    return max(pictures, int(found[1])) if found else pictures
