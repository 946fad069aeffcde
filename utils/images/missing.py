"""Masks of the pixels that hold no data, by the declarations of the file."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from utils.errors import ImageError
from utils.geometry import BoolArray, Window
from utils.images.facts import ImageFacts, Note
from utils.images.files import explained, image_facts
from utils.images.formats import TIFF, image_format
from utils.images.gdal_images import open_page
from utils.images.nodata import without_data
from utils.images.options import PixelOptions
from utils.images.orientation import SIDEWAYS, stored_window, turned
from utils.images.rasters import gdal_settings, open_raster

MASK_NOT_USED = "mask beside the image is not used"
_DEFAULT = PixelOptions()
_SMALL_SIDE = 512

ReadMissing = Callable[[Window], BoolArray]


def declares_missing(path: Path, pixels: PixelOptions = _DEFAULT) -> bool:
    """Whether an image can say that a pixel holds no data; no pixel is read.

    A TIFF or JPEG 2000 can by a mask, an alpha band, a nodata value, or numbers that are neither
    8 nor 16 bits unsigned. Any image can by a mask beside it, named like it with `.msk` added.

    Raises:
        ImageError: If the image cannot be read.
    """
    with explained(path):
        kind = image_format(path)
    if kind.library != "gdal":
        return _mask_beside(path) is not None
    return _declares(image_facts(path, pixels)) or _mask_beside(path) is not None


def missing_mask(
    path: Path,
    window: Window | None = None,
    pixels: PixelOptions = _DEFAULT,
    shape: tuple[int, int] | None = None,
) -> BoolArray:
    """Mask of the pixels of a window without data, as the file declares; see `declares_missing`.

    Args:
        path: The image.
        window: In pixels of the upright image; None for all of it.
        pixels: How the image is read.
        shape: Height and width of the answer, the nearest pixel counting; by default the window's.

    Returns:
        True where no band that is read holds data, shape (height, width).

    Raises:
        ImageError: If the image cannot be read.
    """
    facts = image_facts(path, pixels)
    width, height = facts.size
    window = window or Window(x=0, y=0, width=width, height=height)
    shape = shape or (window.height, window.width)
    if not declares_missing(path, pixels):
        return np.zeros(shape, dtype=np.bool_)
    with explained(path), gdal_settings(), _opened(path, facts, pixels) as read:
        return read(window, shape)


@contextmanager
def opened_missing(path: Path, pixels: PixelOptions = _DEFAULT) -> Iterator[ReadMissing]:
    """Open an image to read the pixels of `missing_mask` several times.

    Yields:
        A function from a window of the upright image to the mask of its missing pixels, shape
        (height, width). Windows from top to bottom are read fastest.

    Raises:
        ImageError: If the image cannot be read.
    """
    facts = image_facts(path, pixels)
    with explained(path), gdal_settings(), _opened(path, facts, pixels) as read:
        yield lambda window: read(window, (window.height, window.width))


def mask_note(path: Path, pixels: PixelOptions = _DEFAULT) -> tuple[Note, ...]:
    """The note about a mask beside an image that cannot be used; none where there is none.

    Raises:
        ImageError: If the image cannot be read.
    """
    beside = _mask_file(path)
    if beside is None:
        return ()
    facts = image_facts(path, pixels)
    try:
        with explained(beside), _opened_beside(beside) as mask:
            size = mask.width, mask.height
    except ImageError as error:
        return (Note(MASK_NOT_USED, str(error)),)
    if size == (facts.stored_width, facts.stored_height):
        return ()
    detail = (
        f"{beside.name} has {size[0]} x {size[1]} pixels, but the image is stored with "
        f"{facts.stored_width} x {facts.stored_height}"
    )
    return (Note(MASK_NOT_USED, detail),)


def missing_share(path: Path, pixels: PixelOptions = _DEFAULT) -> float:
    """The share of an image's pixels that hold no data, in [0, 1], from a sample of them.

    Raises:
        ImageError: If the image cannot be read.
    """
    width, height = image_facts(path, pixels).size
    shape = min(height, _SMALL_SIDE), min(width, _SMALL_SIDE)
    return float(missing_mask(path, None, pixels, shape).mean())


def _declares(facts: ImageFacts) -> bool:
    """Whether a file can say that a pixel holds no data."""
    return facts.is_masked or facts.nodata is not None or facts.dtype not in ("uint8", "uint16")


@contextmanager
def _opened(
    path: Path, facts: ImageFacts, pixels: PixelOptions
) -> Iterator[Callable[[Window, tuple[int, int]], BoolArray]]:
    """Yield a function from an upright window and the shape wanted to the missing pixels."""
    kind = image_format(path)
    stored_size = facts.stored_width, facts.stored_height
    with ExitStack() as opened:
        raster = mask = None
        if kind.library == "gdal" and _declares(facts):
            raster = opened.enter_context(closing(open_page(path, kind, pixels)))
        if beside := _mask_beside(path, stored_size):
            mask = opened.enter_context(_opened_beside(beside))

        def read(window: Window, shape: tuple[int, int]) -> BoolArray:
            stored = stored_window(window, facts.orientation, *stored_size)
            stored_shape = shape[::-1] if facts.orientation in SIDEWAYS else shape
            found = np.zeros(stored_shape, dtype=np.bool_)
            if raster is not None:
                found |= _missing(raster, facts, stored, stored_shape)
            if mask is not None:
                numbers = mask.read(1, window=_place(stored), out_shape=stored_shape)
                found |= numbers == 0
            return turned(found, facts.orientation)

        yield read


def _mask_file(path: Path) -> Path | None:
    """The file beside an image that has the name of its mask, or None."""
    beside = path.with_name(f"{path.name}.msk")
    try:
        return beside if beside.is_file() else None
    except (OSError, ValueError):  # the longer name is too long
        return None


def _mask_beside(path: Path, size: tuple[int, int] | None = None) -> Path | None:
    """The mask beside an image, if it is a TIFF of the size of the stored pixels."""
    beside = _mask_file(path)
    try:
        if beside is None:
            return None
        with _opened_beside(beside) as mask:
            return beside if size in (None, (mask.width, mask.height)) else None
    except Exception:  # a damaged mask; `mask_note` reports it
        return None


@contextmanager
def _opened_beside(beside: Path) -> Iterator[Any]:
    if image_format(beside) is not TIFF:
        raise ImageError(f"{beside} is no TIFF. Leave it out, or save the mask as one.")
    with gdal_settings(), closing(open_raster(beside, TIFF)) as mask:
        yield mask


def _place(window: Window) -> tuple[tuple[int, int], tuple[int, int]]:
    return (window.rows.start, window.rows.stop), (window.columns.start, window.columns.stop)


def _missing(raster: Any, facts: ImageFacts, window: Window, shape: tuple[int, int]) -> BoolArray:
    place = _place(window)
    if facts.is_masked:
        mask = raster.read_masks(facts.chosen[0], window=place, out_shape=shape)
        return np.asarray(mask == 0)
    count = len(facts.chosen)
    bands = raster.read(list(facts.chosen), window=place, out_shape=(count, *shape))
    found = without_data(bands[0], facts)
    for numbers in bands[1:]:
        if found.any():  # else there is nothing to compare
            found &= without_data(numbers, facts)
    return found
