"""One image file: opened, measured and hashed, every fault of it an `ImageError`.

libvips reads the file, except for BMP, which it does not know and Pillow reads. Nothing is decoded
before it is asked for.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from utils.errors import ImageError
from utils.files import sha256_of

_LOADERS = ("png", "jpeg", "tiff", "webp", "gif", "heif", "jp2k", "jxl")
_SIDEWAYS_ORIENTATIONS = range(5, 9)  # Exif 2.32, tag 0x0112: rows and columns are exchanged


def upright_size(path: Path, max_pixels: int | None = None) -> tuple[int, int]:
    """Width and height in pixels after EXIF orientation, from the file's header alone.

    Raises:
        ImageError: If it is no image, cannot be read, or has more than `max_pixels`.
    """
    with explained(path):
        if _is_bitmap(path):
            with _bitmap(path, max_pixels) as bitmap:
                width, height = bitmap.size
                return width, height
        image = open_image(path, max_pixels)
        size = image.width, image.height
        return size[::-1] if orientation(image) in _SIDEWAYS_ORIENTATIONS else size


def open_image(path: Path, max_pixels: int | None = None, access: str = "sequential") -> Any:
    """An image as it is stored, not turned upright.

    Args:
        path: The file.
        max_pixels: Largest width times height accepted, by the header.
        access: `sequential` to be read once from top to bottom, else `random`.

    Returns:
        A `pyvips.Image`.

    Raises:
        ImageError: If it is no image, cannot be read, or has more than `max_pixels`.
    """
    import pyvips

    with explained(path):
        if _is_bitmap(path):
            with _bitmap(path, max_pixels) as bitmap:  # never compressed: it is read whole
                return pyvips.Image.new_from_array(bitmap.convert("RGB"))
        # A source, because libvips takes brackets at the end of a file name for options.
        source = pyvips.Source.new_from_file(str(path))
        image = pyvips.Image.new_from_source(source, "", access=access, fail_on="error")
        if not image.get("vips-loader").startswith(_LOADERS):
            raise ImageError(f"{path} is not an image. Leave it out, or replace it by one.")
        _check_size(path, image.width, image.height, max_pixels)
        return image


def orientation(image: Any) -> int:
    """The EXIF orientation of a `pyvips.Image`, 1 (upright) to 8."""
    return int(image.get("orientation")) if image.get_typeof("orientation") else 1


def image_sha256(path: Path) -> str:
    """The SHA-256 of an image file's bytes, in hex.

    Raises:
        ImageError: If it cannot be read.
    """
    with explained(path):
        return sha256_of(path)


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn what the system, libvips or Pillow says about `path` into one sentence.

    Raises:
        ImageError: In its place.
    """
    import pyvips

    try:
        yield
    except (pyvips.Error, OSError, SyntaxError) as error:  # Pillow raises the last for bad headers
        if isinstance(error, OSError) and error.errno is not None:
            raise ImageError(
                f"{path} cannot be read ({error.strerror}). Check the file and its permissions."
            ) from None
        reason = str(error).strip().splitlines()[-1].strip()
        raise ImageError(
            f"{path} does not decode ({reason}). Replace it by a whole image file."
        ) from None


def _is_bitmap(path: Path) -> bool:
    """Whether a file is a BMP, by its first bytes; one that is not there or empty is refused."""
    if not path.is_file():
        raise ImageError(f"{path} does not exist or is not a file. Check the name.")
    with path.open("rb") as stream:
        signature = stream.read(2)
    if not signature:
        raise ImageError(f"{path} is empty (0 bytes). Replace it by a whole image file.")
    return signature == b"BM"


def _bitmap(path: Path, max_pixels: int | None) -> Any:
    """A BMP of which only the header has been read.

    `PIL.Image.open` would refuse by a limit of its own what `max_pixels` may allow.
    """
    from PIL.BmpImagePlugin import BmpImageFile

    bitmap = BmpImageFile(path)
    _check_size(path, *bitmap.size, max_pixels)
    return bitmap


def _check_size(path: Path, width: int, height: int, max_pixels: int | None) -> None:
    if max_pixels is not None and width * height > max_pixels:
        raise ImageError(
            f"{path} has {width} x {height} pixels, more than the limit of {max_pixels:,}. "
            "Leave it out, or raise max_pixels in the configuration."
        )
