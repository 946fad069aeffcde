"""Rows of pixels from anywhere as an image of libvips, read when they are asked for.

libvips takes pixels from another library only as a file. This one exists nowhere: an uncompressed
BigTIFF, whose header is made at the start and whose strips are fetched when libvips reads there.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[Any]
_SAMPLE_FORMATS = {"u": 1, "i": 2, "f": 3}
_SHORT, _LONG, _LONG8, _BYTES = 3, 4, 16, 7
_LETTERS = {_SHORT: "H", _LONG: "I", _LONG8: "Q", _BYTES: "B"}
_HEADER_BYTES, _ENTRY_BYTES, _INLINE_BYTES = 16, 20, 8
_STRIP_BYTES = 1 << 20  # about; every strip is two calls into Python
_NO_MEANING = 0  # of an extra band
_MIN_IS_BLACK, _RGB = 1, 2


@dataclass(frozen=True, slots=True)
class PixelRows:
    """Pixels that are read by rows.

    Attributes:
        width: In pixels.
        height: In pixels.
        bands: Number of bands.
        dtype: An integer or float of 8, 16 or 32 bits.
        read: Gives the rows from `top`, shape (count, width, bands), C order.
        rows_at_once: Number of rows that are read best together.
        orientation: As in Exif.
        photometric: As in TIFF; by default grey or RGB, by the number of bands.
        colour_profile: ICC profile, or None.
    """

    width: int
    height: int
    bands: int
    dtype: np.dtype[Any]
    read: Callable[[int, int], Rows]
    rows_at_once: int = 1
    orientation: int = 1
    photometric: int | None = None
    colour_profile: bytes | None = None

    @property
    def row_bytes(self) -> int:
        """The size of one row."""
        return self.width * self.bands * self.dtype.itemsize


class VirtualTiff:
    """A TIFF that is made as it is read, as far as libvips reads files: `read` and `seek`."""

    def __init__(self, rows: PixelRows, faults: list[Exception]) -> None:
        """Make the header; nothing is read.

        Args:
            rows: Where the pixels come from.
            faults: Receives the exception that ends reading, which libvips would lose.
        """
        self._rows = rows
        self._faults = faults
        self._header = _header(rows)
        self._size = len(self._header) + rows.height * rows.row_bytes
        self._position = 0
        self._top = 0
        self._held: memoryview | bytes = b""

    def seek(self, offset: int, whence: int) -> int:
        """Move to a place, as `io.IOBase.seek` does."""
        self._position = offset + (0, self._position, self._size)[whence]
        return self._position

    def read(self, count: int) -> memoryview | bytes:
        """Up to `count` bytes from where it stands; none after a fault."""
        content = self._header_part(count) or self._pixels(count)
        self._position += len(content)
        return content

    def _header_part(self, count: int) -> bytes:
        return self._header[self._position : self._position + count]

    def _pixels(self, count: int) -> memoryview | bytes:
        place = self._position - len(self._header)
        row = place // self._rows.row_bytes
        if row >= self._rows.height:
            return b""
        try:
            self._hold(row)
        except Exception as fault:  # a callback of libvips must not raise
            self._faults.append(fault)
            return b""
        start = place - self._top * self._rows.row_bytes
        return memoryview(self._held)[start : start + count]

    def _hold(self, row: int) -> None:
        held_rows = len(self._held) // self._rows.row_bytes
        if self._held and self._top <= row < self._top + held_rows:
            return
        self._held = b""  # freed first
        self._top = row - row % self._rows.rows_at_once
        count = min(self._rows.rows_at_once, self._rows.height - self._top)
        self._held = self._rows.read(self._top, count).data.cast("B")


def virtual_image(rows: PixelRows, access: str, faults: list[Exception]) -> Any:
    """The `pyvips.Image` of rows of pixels; see `VirtualTiff`."""
    import pyvips

    tiff = VirtualTiff(rows, faults)
    source = pyvips.SourceCustom()
    source.on_read(tiff.read)
    source.on_seek(tiff.seek)
    return pyvips.Image.new_from_source(source, "", access=access, fail_on="error")


def _header(rows: PixelRows) -> bytes:
    """The header of the file: one directory."""
    strip_rows = min(max(_STRIP_BYTES // rows.row_bytes, 1), rows.height)
    strip_bytes = strip_rows * rows.row_bytes
    size = rows.height * rows.row_bytes
    starts = range(0, size, strip_bytes)
    colours = 3 if rows.bands > 2 else 1
    photometric = rows.photometric
    if photometric is None:
        photometric = _RGB if colours == 3 else _MIN_IS_BLACK
    else:
        colours = rows.bands
    entries: dict[int, tuple[int, list[int] | range]] = {
        256: (_LONG, [rows.width]),
        257: (_LONG, [rows.height]),
        258: (_SHORT, [rows.dtype.itemsize * 8] * rows.bands),
        259: (_SHORT, [1]),
        262: (_SHORT, [photometric]),
        273: (_LONG8, range(0)),  # the places of the strips, once the header's length is known
        274: (_SHORT, [rows.orientation]),
        277: (_SHORT, [rows.bands]),
        278: (_LONG, [strip_rows]),
        279: (_LONG8, [min(strip_bytes, size - start) for start in starts]),
        284: (_SHORT, [1]),
        338: (_SHORT, [_NO_MEANING] * (rows.bands - colours)),
        339: (_SHORT, [_SAMPLE_FORMATS[rows.dtype.kind]] * rows.bands),
        34675: (_BYTES, list(rows.colour_profile or b"")),
    }
    entries = {tag: entry for tag, entry in entries.items() if len(entry[1]) or tag == 273}
    length = len(_directory(entries | {273: (_LONG8, starts)}))
    places = range(length, length + size, strip_bytes)
    return _directory(entries | {273: (_LONG8, places)})


def _directory(entries: dict[int, tuple[int, list[int] | range]]) -> bytes:
    """A BigTIFF header with one directory and the values that it has no room for."""
    start = _HEADER_BYTES + 8 + len(entries) * _ENTRY_BYTES + 8
    listed, behind = b"", b""
    for tag in sorted(entries):
        kind, values = entries[tag]
        content = struct.pack(f"<{len(values)}{_LETTERS[kind]}", *values)
        listed += struct.pack("<HHQ", tag, kind, len(values))
        if len(content) > _INLINE_BYTES:
            listed += struct.pack("<Q", start + len(behind))
            behind += content
        else:
            listed += content.ljust(_INLINE_BYTES, b"\0")
    head = struct.pack("<2sHHHQQ", b"II", 43, 8, 0, _HEADER_BYTES, len(entries))
    return head + listed + struct.pack("<Q", 0) + behind
