"""The pixels of huge images, a strip at a time, from top to bottom."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from utils.geometry import Window, spans
from utils.images.damage import DamageSigns
from utils.images.files import explained, in_one_line, upright_size
from utils.images.options import PixelOptions
from utils.images.vips_images import is_doubtful

Pixels = NDArray[np.uint8]

_DEFAULT = PixelOptions()
# Few, so that libvips' buffers stay small: the allocator hands large ones back every time. A strip
# of a small image is faster whole.
_ROWS_AT_ONCE = 8
_WHOLE_BYTES = 4 << 20


def image_size(path: Path, pixels: PixelOptions = _DEFAULT) -> tuple[int, int]:
    """The (width, height) of an image after EXIF orientation, from its header alone.

    Raises:
        ImageError: If it is no image, cannot be read, or is larger than `pixels.max_pixels`.
    """
    return upright_size(Path(path), pixels)


def read_strips(
    path: Path,
    *,
    tile_size: int,
    overlap: int,
    pixels: PixelOptions = _DEFAULT,
    first_row: int = 0,
    damage: DamageSigns | None = None,
    full_last: bool = False,
) -> Iterator[tuple[int, Pixels]]:
    """Yield (y, strip) for each row of tiles: the rows from y, the whole width of the image.

    Every row of the image is decoded once; those shared by two strips are copied. Two buffers of
    `3 * width * tile_size` bytes are all it takes, whatever the height of the image: a strip is
    valid until the second one after it is asked for.

    Args:
        path: The image.
        tile_size: Height of every strip but the last, in pixels.
        overlap: How many rows neighbouring strips share.
        pixels: How the pixels are read.
        first_row: The first row of tiles wanted: those above it are decoded and dropped.
        damage: Sees every row that is yielded, once.
        full_last: Whether the last strip is moved back to full height.

    Yields:
        The strip's top row and its pixels, upright RGB, uint8 of shape (height, width, 3).

    Raises:
        ImageError: If the image does not decode, is larger than the limit, or is no image.
    """
    rows = _RowsOfImage(Path(path), pixels, damage or DamageSigns())
    strips = spans(rows.height, tile_size, overlap, full_last=full_last)
    shape = (strips[0][1], rows.width, 3)
    previous, buffer = (np.empty(shape, dtype=np.uint8) for _ in range(2))
    is_small = 3 * rows.width * strips[0][1] <= _WHOLE_BYTES
    at_once = strips[0][1] if is_small else _ROWS_AT_ONCE
    end = 0
    for row, (y, height) in enumerate(strips[first_row:]):
        shared = end - y if row else 0
        buffer[:shared] = previous[len(previous) - shared :]
        for top in range(shared, height, at_once):
            count = min(at_once, height - top)
            buffer[top : top + count] = rows.read(y + top, count)
        if damage is not None:
            damage.add(buffer[shared:height])
        yield y, buffer[:height]
        end = y + height
        previous, buffer = buffer, previous


class _RowsOfImage:
    """The rows of an upright image, read from top to bottom.

    Where a decoder only warns of what may have done no harm, it is noted and reading goes on.

    Attributes:
        width: In pixels.
        height: In pixels.
    """

    def __init__(self, path: Path, pixels: PixelOptions, damage: DamageSigns) -> None:
        self._path = path
        self._pixels = pixels
        self._damage = damage
        self._open(is_strict=True)

    def _open(self, *, is_strict: bool) -> None:
        import pyvips

        from utils.images.pixels import open_upright

        self._is_strict = is_strict
        self._upright = open_upright(self._path, self._pixels, is_strict=is_strict)
        image = self._upright.pixels
        self.width, self.height, self._bands = image.width, image.height, image.bands
        with explained(self._path, self._upright.faults):
            self._region = pyvips.Region.new(image)

    def read(self, top: int, count: int) -> Pixels:
        """The rows from `top`, uint8 of shape (count, width, 3 or 1); one band stands for three.

        Raises:
            ImageError: If they do not decode.
        """
        import pyvips

        with explained(self._path, self._upright.faults):
            try:
                fetched = self._region.fetch(0, top, self.width, count)
            except pyvips.Error as error:
                if not self._is_strict or not is_doubtful(error):
                    raise
                self._damage.doubt(in_one_line(str(error)))
                self._open(is_strict=False)
                fetched = self._region.fetch(0, top, self.width, count)
        pixels: Pixels = np.frombuffer(fetched, np.uint8).reshape(count, -1, self._bands)
        return pixels[..., :3] if self._bands > 2 else pixels[..., :1]


def read_windows(
    path: Path,
    *,
    tile_size: int,
    overlap: int,
    pixels: PixelOptions = _DEFAULT,
    first_row: int = 0,
    damage: DamageSigns | None = None,
) -> Iterator[tuple[Window, Pixels]]:
    """Yield each window of an image with its pixels, in the order of `tile_windows`.

    Args:
        path: The image.
        tile_size: Largest width and height of a window, in pixels.
        overlap: How many pixels neighbouring windows share.
        pixels: How the pixels are read.
        first_row: The first row of windows wanted.
        damage: As for `read_strips`.

    Yields:
        The window and its pixels, upright RGB, uint8 of shape (height, width, 3), a copy.

    Raises:
        ImageError: If the image does not decode, is larger than the limit, or is no image.
    """
    strips = read_strips(
        path,
        tile_size=tile_size,
        overlap=overlap,
        pixels=pixels,
        first_row=first_row,
        damage=damage,
    )
    for y, strip in strips:
        for x, width in spans(strip.shape[1], tile_size, overlap):
            window = Window(x=x, y=y, width=width, height=len(strip))
            yield window, strip[:, window.columns].copy()
