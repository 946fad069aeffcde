"""One image file: opened, measured and hashed, every fault of it an `ImageError`.

The format says which library decodes it; see `utils.images.formats`. Nothing is decoded before it
is asked for.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from utils.errors import ImageError, SpyglassError
from utils.files import sha256_of
from utils.images.facts import ImageFacts
from utils.images.formats import image_format
from utils.images.gdal_images import gdal_facts, gdal_rows
from utils.images.options import PixelOptions
from utils.images.pillow_images import pillow_facts, pillow_rows
from utils.images.rasters import reason_of
from utils.images.vips_images import load_image, vips_facts
from utils.images.virtual_tiff import virtual_image

_DEFAULT = PixelOptions()
_OF_ANY_SIZE = PixelOptions(max_pixels=sys.maxsize)
_LONGEST_REASON = 200
_UNSUPPORTED = re.compile(
    r"not supported|unsupported|not configured|not implemented|unknown compression|no decod|"
    r"missing codec|cannot handle|out of range|bad \w+ format|not recognized",
    re.IGNORECASE,
)
_NOT_WHOLE = re.compile(
    r"premature|truncat|unexpected end|end of (file|data|image)|read error|IReadBlock failed|"
    r"corrupt|crc|checksum|not enough data|outside of file|decoding error|unable to parse|broken|"
    r"cannot identify|not a (JPEG|TIFF)|read failed|header|invalid|not yet in table|EOI|failed|"
    r"inconsistent|too long|detected|CRC",
    re.IGNORECASE,
)


def image_facts(path: Path, options: PixelOptions = _DEFAULT) -> ImageFacts:
    """The facts in the header of an image, with the choices made by the options.

    Raises:
        ImageError: If it is no image, cannot be read, has more than `max_pixels`, or has no such
            page or bands.
    """
    with explained(path):
        kind = image_format(path)
        ask = {"gdal": gdal_facts, "libvips": vips_facts, "pillow": pillow_facts}[kind.library]
        facts = ask(path, kind, options)
        _check_size(path, facts, options.max_pixels)
        return facts


def upright_size(path: Path, options: PixelOptions = _OF_ANY_SIZE) -> tuple[int, int]:
    """Width and height in pixels after Exif orientation, from the file's header alone.

    Raises:
        ImageError: As `image_facts` does.
    """
    return image_facts(path, options).size


def open_image(
    path: Path,
    facts: ImageFacts,
    options: PixelOptions,
    faults: list[Exception],
    access: str = "sequential",
    *,
    is_strict: bool = True,
) -> Any:
    """An image as it is stored, not turned upright.

    Args:
        path: The file.
        facts: Header facts, from `image_facts`.
        options: How it is read.
        faults: Receives what goes wrong while rows are read; see `explained`.
        access: `sequential` to be read once from top to bottom, else `random`.
        is_strict: As for `load_image`.

    Returns:
        A `pyvips.Image` of the bands that are read, and behind them the mask where it counts.

    Raises:
        ImageError: If it is no image or cannot be read.
    """
    with explained(path, faults):
        kind = image_format(path)
        if kind.library == "libvips":
            image = load_image(path, kind, options, access, is_strict=is_strict)
            bands = [image[number - 1] for number in facts.chosen]
            return image if len(bands) == image.bands else bands[0].bandjoin(bands[1:])
        if kind.library == "gdal":
            return virtual_image(gdal_rows(path, kind, facts, options), access, faults)
        return virtual_image(pillow_rows(path, kind, facts, options), access, faults)


def image_sha256(path: Path) -> str:
    """The SHA-256 of an image file's bytes, in hex.

    Raises:
        ImageError: If it cannot be read.
    """
    with explained(path):
        image_format(path)
        return sha256_of(path)


@contextmanager
def explained(path: Path, faults: Sequence[Exception] = ()) -> Iterator[None]:
    """Turn what the system or a library says about `path` into one sentence.

    Args:
        path: The image.
        faults: Faults reported below libvips, which only knows that something failed.

    Raises:
        ImageError: In place of the library's error.
    """
    try:
        yield
    except SpyglassError:
        raise
    except Exception as error:  # damaged files bring up every kind in decoders written in Python
        found, in_rows = (faults[0], True) if faults else (error, False)
        raise ImageError(_sentence(path, found, in_rows)) from None


def _sentence(path: Path, error: Exception, in_rows: bool) -> str:
    """One sentence with the fault of a file and the remedy; only a damaged file is to be replaced.

    A file that opens but has unreadable rows is damaged.
    """
    if isinstance(error, ImageError):
        return str(error)
    if isinstance(error, OSError) and error.errno is not None:
        return f"{path} cannot be read ({error.strerror}). Check the file and its permissions."
    reason = in_one_line(reason_of(error)) or type(error).__name__
    if _UNSUPPORTED.search(reason):
        return (
            f"{path} is of a kind that is not supported ({reason}). "
            "Convert it to TIFF or PNG with 8 or 16 bits a band."
        )
    if in_rows or _NOT_WHOLE.search(reason):
        return f"{path} does not decode ({reason}). Replace it by a whole image file."
    return (
        f"{path} does not decode ({reason}). If another program shows it, save it from there as "
        "TIFF or PNG; if none does, replace it by a whole image file."
    )


def in_one_line(text: str) -> str:
    """The message of a library, without the line in which libvips names its own operation."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    said = [line for line in lines if not line.startswith("unable to ")] or lines
    return "; ".join(dict.fromkeys(said))[:_LONGEST_REASON]


def _check_size(path: Path, facts: ImageFacts, max_pixels: int) -> None:
    width, height = facts.stored_width, facts.stored_height
    if width * height > max_pixels:
        raise ImageError(
            f"{path} has {width} x {height} pixels, more than the limit of {max_pixels:,}. "
            "Leave it out, or raise max_pixels in the configuration."
        )
