"""Images that Pillow decodes: GIF, BMP, TGA, PNM and AVIF with frames, which are rarely large."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from utils.errors import ImageError
from utils.images.bands import chosen_bands
from utils.images.facts import ImageFacts, no_such_page, pages_note
from utils.images.formats import ImageFormat
from utils.images.options import PixelOptions
from utils.images.virtual_tiff import PixelRows

_MODULES = {
    "AvifImageFile": "PIL.AvifImagePlugin",
    "BmpImageFile": "PIL.BmpImagePlugin",
    "GifImageFile": "PIL.GifImagePlugin",
    "PngImageFile": "PIL.PngImagePlugin",
    "PpmImageFile": "PIL.PpmImagePlugin",
    "TgaImageFile": "PIL.TgaImagePlugin",
}
_DEEP_MODES = {"I": np.int32, "I;16": np.uint16, "I;16B": np.uint16, "F": np.float32}


def pillow_facts(path: Path, kind: ImageFormat, options: PixelOptions) -> ImageFacts:
    """The facts of an image that Pillow decodes.

    Raises:
        ImageError: If it has no such page or band.
        OSError, SyntaxError, ValueError: If it does not open.
    """
    with _opened(path, kind, options) as image:
        width, height = image.size
        frames = getattr(image, "n_frames", 1)
        dtype = np.dtype(_DEEP_MODES.get(image.mode, np.uint8))
        colours = ["gray"] if dtype != np.uint8 else ["red", "green", "blue"]
        try:
            chosen = chosen_bands(options.bands, colours, [None] * len(colours))
        except ImageError as error:
            raise ImageError(f"{path} {error}") from None
        bands = len(image.getbands())
    page = options.page or 1
    notes = pages_note(frames, page, "frame")
    return ImageFacts(
        kind.name, width, height, bands, dtype.name, page=page, chosen=chosen, notes=notes
    )


def pillow_rows(
    path: Path, kind: ImageFormat, facts: ImageFacts, options: PixelOptions
) -> PixelRows:
    """The rows of the chosen bands; the whole image is decoded at the first.

    Raises:
        OSError, SyntaxError, ValueError: If it does not decode.
    """
    with _opened(path, kind, options) as image:
        dtype = np.dtype(_DEEP_MODES.get(image.mode, np.uint8))
        pixels = np.asarray(image if image.mode in _DEEP_MODES else image.convert("RGB"), dtype)
    pixels = pixels.reshape(facts.stored_height, facts.stored_width, -1)
    chosen = np.ascontiguousarray(pixels[..., [band - 1 for band in facts.chosen]])
    return PixelRows(
        facts.stored_width,
        facts.stored_height,
        len(facts.chosen),
        dtype,
        lambda top, count: chosen[top : top + count],
        rows_at_once=facts.stored_height,
    )


def _opened(path: Path, kind: ImageFormat, options: PixelOptions) -> Any:
    """The wanted frame, of which only the header has been read, by the decoder of its format.

    `PIL.Image.open` would try others, and refuse by a limit of its own what `max_pixels` allows.
    """
    image = getattr(import_module(_MODULES[kind.decoder]), kind.decoder)(path)
    if options.page is None or options.page == 1:
        return image
    frames = getattr(image, "n_frames", 1)
    if options.page > frames:
        image.close()
        raise ImageError(no_such_page(path, frames, options.page))
    image.seek(options.page - 1)
    return image
