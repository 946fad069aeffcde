"""Decoders kept to the formats that are read: nothing that runs a program or fetches a file."""

from __future__ import annotations

# The loaders of libvips for formats that `utils.images.formats` gives to it, and the TIFF in which
# it takes rows from other libraries.
ALLOWED = (
    "VipsForeignLoadJpeg",
    "VipsForeignLoadPng",
    "VipsForeignLoadWebp",
    "VipsForeignLoadHeif",
    "VipsForeignLoadTiff",
)


def keep_decoders_safe() -> None:
    """Block every other loader of libvips, such as those of ImageMagick, Poppler and SVG.

    The wheels have few of them; another libvips on the machine may have all.
    """
    import pyvips

    pyvips.operation_block_set("VipsForeignLoad", True)
    for name in ALLOWED:
        pyvips.operation_block_set(name, False)
