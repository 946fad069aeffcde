"""Images that libvips decodes: JPEG, PNG, WebP and AVIF."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from utils.errors import ImageError
from utils.images.bands import bands_note, chosen_bands
from utils.images.damage import CUT, lacks_end_marker
from utils.images.facts import (
    FURTHER_BANDS,
    ImageFacts,
    Note,
    no_such_page,
    pages_note,
)
from utils.images.formats import HEIF, JPEG, WEBP, ImageFormat
from utils.images.options import PixelOptions

# Warnings of libjpeg: after the second kind, the pixels are not those that were written.
_DOUBTFUL = re.compile(r"extraneous bytes|JFIF|Adobe|SOS parameters|progression", re.IGNORECASE)
_WRONG_PIXELS = re.compile(r"premature|Huffman|found marker|arithmetic", re.IGNORECASE)
_WITH_FRAMES = (WEBP, HEIF)
_DTYPES = {"uchar": "uint8", "ushort": "uint16", "float": "float32"}


def vips_facts(path: Path, kind: ImageFormat, options: PixelOptions) -> ImageFacts:
    """The facts of an image that libvips decodes.

    Raises:
        ImageError: If it has no such frame or band.
        pyvips.Error: If it does not open.
    """
    image = load_image(path, kind, options, is_strict=False)
    frames = image.get("n-pages") if image.get_typeof("n-pages") else 1
    has_alpha = image.hasalpha()
    colours = _colours(image.bands - has_alpha) + ["alpha"] * has_alpha
    try:
        chosen = chosen_bands(options.bands, colours, [None] * len(colours))
    except ImageError as error:
        raise ImageError(f"{path} {error}") from None
    is_cmyk = image.interpretation == "cmyk" and options.bands is None
    note = None if is_cmyk else bands_note(chosen, colours)
    notes = [Note(FURTHER_BANDS, note)] if note else []
    if lacks_end_marker(path, kind):
        notes.append(CUT)
    return ImageFacts(
        format=kind.name,
        stored_width=image.width,
        stored_height=image.height,
        bands=image.bands,
        dtype=_DTYPES.get(image.format, image.format),
        orientation=orientation(image),
        page=options.page or 1,
        chosen=tuple(range(1, image.bands + 1)) if is_cmyk else chosen,
        notes=(*pages_note(frames, options.page or 1, "frame"), *notes),
    )


def load_image(
    path: Path,
    kind: ImageFormat,
    options: PixelOptions,
    access: str = "sequential",
    *,
    is_strict: bool = True,
) -> Any:
    """A `pyvips.Image` as it is stored; its pixels are decoded when they are asked for.

    Args:
        path: The file.
        kind: Its format.
        options: How it is read.
        access: As for `open_image`.
        is_strict: Whether to fail at what the decoder of JPEG only warns of: wrong pixels, too.

    Raises:
        ImageError: If it has no such frame.
        pyvips.Error: If it does not open.
    """
    import pyvips

    wanted = {"page": options.page - 1} if options.page and kind in _WITH_FRAMES else {}
    if options.page and options.page > 1 and kind not in _WITH_FRAMES:
        raise ImageError(no_such_page(path, 1, options.page))
    # By its descriptor, because libvips takes names for UTF-8 and brackets in them for options.
    with path.open("rb") as stream:
        if lacks_end_marker(path, kind):
            # A decoder warns where pixels are missing, and cannot warn where only the end is.
            source = pyvips.Source.new_from_memory(stream.read() + kind.end_marker)
        else:
            source = pyvips.Source.new_from_descriptor(stream.fileno())
        strictness = "warning" if is_strict and kind is JPEG else "error"
        image = pyvips.Image.new_from_source(
            source, "", access=access, fail_on=strictness, **wanted
        )
    if not image.get("vips-loader").startswith(kind.decoder):
        raise ImageError(f"{path} is not the {kind.name} that it starts as. Leave it out.")
    return image


def is_doubtful(error: Exception) -> bool:
    """Whether libjpeg only warned of what may have done no harm."""
    return bool(_DOUBTFUL.search(str(error))) and not _WRONG_PIXELS.search(str(error))


def orientation(image: Any) -> int:
    """The Exif orientation of a `pyvips.Image`, 1 (upright) to 8."""
    return int(image.get("orientation")) if image.get_typeof("orientation") else 1


def _colours(bands: int) -> list[str]:
    return ["gray"] if bands == 1 else ["red", "green", "blue", "ink"][:bands]
