"""Deep Zoom pyramids: an image of any size as small tiles that a viewer loads on demand."""

from __future__ import annotations

from pathlib import Path

from utils.images.files import explained
from utils.images.options import PixelOptions

# Large tiles keep a giant scene at some hundreds of files: each may be an upload to a bucket.
TILE_SIZE, OVERLAP = 1022, 1
_QUALITY = 80


def write_pyramid(image: Path, path: Path, pixels: PixelOptions) -> None:
    """Write an image, upright and in 8 bits, as `path`.dzi and the tiles in `path`_files.

    The image is streamed once, from top to bottom.

    Raises:
        ImageError: If it does not decode or is no longer there.
    """
    from utils.images.pixels import open_upright

    upright = open_upright(image, pixels, is_strict=False)
    with explained(image, upright.faults):
        bands = upright.pixels
        colours = bands[:3] if bands.bands > 2 else bands[0]
        path.parent.mkdir(parents=True, exist_ok=True)
        colours.dzsave(
            str(path), suffix=f".jpg[Q={_QUALITY}]", tile_size=TILE_SIZE, overlap=OVERLAP
        )
