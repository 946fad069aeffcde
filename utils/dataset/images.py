"""The images of a dataset, checked before anything is learned from them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from utils.progress import progress
from utils.storage.transfers import in_parallel

_DIGEST_BYTES = 16


@dataclass(frozen=True, slots=True)
class ImageFacts:
    """The findings of a check of one image.

    Attributes:
        problem: Fault that makes the image unusable, or None.
        missing: Whether there is no such file.
        width: In pixels; 0 where there is a problem.
        height: In pixels; 0 where there is a problem.
        digest: Digest of the decoded pixels, independent of their encoding. None if there is a
            problem, if the pixels were not decoded, and for an image of a single colour, which
            may well occur twice.
    """

    problem: str | None = None
    missing: bool = False
    width: int = 0
    height: int = 0
    digest: bytes | None = None


def look_at_images(images: Mapping[str, Path], *, decode: bool = True) -> dict[str, ImageFacts]:
    """Open every image, in parallel.

    Args:
        images: Local files by tile id.
        decode: Whether to decode the pixels, too, or to read the header only.

    Returns:
        The facts of each image, some hundred bytes each.
    """
    facts = {}
    with progress("Checking images", len(images)) as advance:
        looked_at = in_parallel(lambda path: _look_at(path, decode), images.values())
        for tile_id, seen in zip(images, looked_at, strict=True):
            facts[tile_id] = seen
            advance(1)
    return facts


def _look_at(path: Path, decode: bool) -> ImageFacts:
    try:
        with Image.open(path) as image:
            return ImageFacts(
                width=image.width,
                height=image.height,
                digest=_digest(image) if decode else None,
            )
    except FileNotFoundError:
        return ImageFacts(f"{path} is not there", missing=True)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        # Pillow's own words for a truncated, empty or foreign file.
        return ImageFacts(f"{path} does not decode ({error})")


def _digest(image: Image.Image) -> bytes | None:
    pixels = image.convert("RGB")
    if pixels.getcolors(maxcolors=1):
        return None
    digest = hashlib.blake2b(repr(pixels.size).encode(), digest_size=_DIGEST_BYTES)
    digest.update(pixels.tobytes())
    return digest.digest()
