"""The format of an image file, by its first bytes, and who decodes it.

Each file is given to the one decoder of its format. A library that may choose for itself would
also take drawings, documents and virtual rasters, which can lead to other files and hosts.
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from utils.errors import ImageError

_FIRST_BYTES = 4096  # chunks such as a colour profile stand before that of an animated PNG
IMAGE_SUFFIXES = frozenset(
    {
        *(".jpg", ".jpeg", ".jpe", ".jfif", ".jfi", ".jif", ".png", ".apng", ".webp", ".gif"),
        *(".tif", ".tiff", ".gtiff", ".gtif", ".geotiff", ".btf", ".tf8", ".tif8", ".cog"),
        *(".jp2", ".j2k", ".j2c", ".jpc", ".jpf", ".jpx", ".avif", ".heic", ".heif", ".hif"),
        *(".bmp", ".dib", ".ppm", ".pgm", ".pbm", ".pnm", ".tga"),
    }
)


@dataclass(frozen=True, slots=True)
class ImageFormat:
    """A format and its decoder.

    Attributes:
        name: As people call it.
        library: The library that decodes it.
        decoder: The loader of libvips, the driver of GDAL, or the class of Pillow.
        end_marker: The bytes that end a whole file, where a file may lack them and no more.
    """

    name: str
    library: Literal["libvips", "gdal", "pillow"]
    decoder: str
    end_marker: bytes = b""


TIFF = ImageFormat("TIFF", "gdal", "GTiff")
JPEG = ImageFormat("JPEG", "libvips", "jpegload", b"\xff\xd9")
PNG = ImageFormat("PNG", "libvips", "pngload", b"\x00\x00\x00\x00IEND\xaeB`\x82")
APNG = ImageFormat("PNG", "pillow", "PngImageFile")
GIF = ImageFormat("GIF", "pillow", "GifImageFile")  # libvips passes over damaged frames
WEBP = ImageFormat("WebP", "libvips", "webpload")
HEIF = ImageFormat("HEIF", "libvips", "heifload")
AVIF_SEQUENCE = ImageFormat("AVIF", "pillow", "AvifImageFile")
JPEG_2000 = ImageFormat("JPEG 2000", "gdal", "JP2OpenJPEG", b"\xff\xd9")
BMP = ImageFormat("BMP", "pillow", "BmpImageFile")
TGA = ImageFormat("TGA", "pillow", "TgaImageFile")
PNM = ImageFormat("PNM", "pillow", "PpmImageFile")

_SIGNATURES = {
    b"\xff\xd8\xff": JPEG,
    b"\x89PNG\r\n\x1a\n": PNG,
    b"GIF8": GIF,
    b"II*\x00": TIFF,
    b"MM\x00*": TIFF,
    b"II+\x00": TIFF,
    b"MM\x00+": TIFF,
    b"\x00\x00\x00\x0cjP  ": JPEG_2000,
    b"\xff\x4f\xff\x51": JPEG_2000,
    b"BM": BMP,
}
_HEIF_BRANDS = (b"avif", b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1")
_NOT_READ = {
    b"\xff\x0a": "a JPEG XL image",
    b"\x00\x00\x00\x0cJXL ": "a JPEG XL image",
    b"8BPS": "a Photoshop document",
    b"%PDF": "a PDF document",
    b"%!PS": "a PostScript document",
    b"v/1\x01": "an OpenEXR image",
    b"\x89HDF": "an HDF5 file",
    b"CDF": "a netCDF file",
    b"SIMPLE  =": "a FITS file",
    b"EHFA_HEADER_TAG": "an Erdas Imagine raster",
    b"PK\x03\x04": "a ZIP archive",
    b"\x1f\x8b": "a gzip archive",
    b"<VRTDataset": "a virtual raster (VRT), which only points to other files",
    b"<svg": "an SVG drawing",
}


def image_format(path: Path) -> ImageFormat:
    """The format of an image file.

    Raises:
        ImageError: If it is missing, no regular file, empty, or of no format that is read.
        OSError: If the system does not let it be read.
    """
    start = _first_bytes(path)
    found = format_of(start, path.suffix)
    if found is not None:
        return found
    text = start.lstrip(b"\xef\xbb\xbf \t\r\n")
    for signature, kind in _NOT_READ.items():
        if start.startswith(signature) or text.startswith(signature):
            raise ImageError(
                f"{path} is {kind}, which is not read here. Convert it to TIFF, PNG or JPEG."
            )
    raise ImageError(f"{path} is not an image. Leave it out, or replace it by one.")


def format_of(start: bytes, suffix: str = "") -> ImageFormat | None:
    """The format of a file that starts with these bytes, or None.

    Args:
        start: At least the first 16 bytes.
        suffix: Suffix of the file's name; the only sign of a TGA image.
    """
    if start.startswith(b"\x89PNG") and b"acTL" in start.partition(b"IDAT")[0]:
        return APNG
    for signature, found in _SIGNATURES.items():
        if start.startswith(signature):
            return found
    if start[:4] == b"RIFF" and start[8:12] == b"WEBP":
        return WEBP
    if start[4:12] == b"ftypavis":
        return AVIF_SEQUENCE
    if start[4:8] == b"ftyp" and start[8:12] in _HEIF_BRANDS:
        return HEIF
    if start[:1] == b"P" and start[1:2] in b"123456" and start[2:3].isspace():
        return PNM
    return TGA if suffix.lower() == ".tga" else None


def is_image(path: Path) -> bool:
    """Whether a file is an image by its first bytes; one that cannot be read is none."""
    try:
        return format_of(_first_bytes(path)) is not None
    except (ImageError, OSError):
        return False


def _first_bytes(path: Path) -> bytes:
    """The start of a regular file: nothing else is opened, since a pipe would wait for ever."""
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError, ValueError):
        raise ImageError(f"{path} does not exist or is not a file. Check the name.") from None
    if not stat.S_ISREG(mode):
        raise ImageError(f"{path} is not a file but a {_kind_of(mode)}. Leave it out.")
    # Not blocking, in case a pipe has taken the place of the file.
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as stream:
        start = stream.read(_FIRST_BYTES)
    if not start:
        raise ImageError(f"{path} is empty (0 bytes). Replace it by a whole image file.")
    return start


def _kind_of(mode: int) -> str:
    if stat.S_ISDIR(mode):
        return "folder"
    return "pipe" if stat.S_ISFIFO(mode) else "socket" if stat.S_ISSOCK(mode) else "device"
