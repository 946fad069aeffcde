"""A hash of a picture that stays when it is resized, compressed or slightly changed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_SIDE = 9
_PLAINEST = 2.0  # standard deviation in grey levels below which a picture shows nothing
NEAR_BITS = 10  # of 128 bits
Hashes = NDArray[np.uint64]


def picture_hash(path: Path) -> Hashes | None:
    """The hash of the picture in a file, from `hash_of`; None for one that Pillow cannot read."""
    try:
        with Image.open(path) as image:
            image.draft("L", (8 * _SIDE, 8 * _SIDE))
            return hash_of(image)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None


def hash_of(image: Image.Image) -> Hashes | None:
    """The difference hash of a picture: whether each cell of 9 by 9 is brighter than the next.

    Two words: to the right and downwards. See N. Krawetz, "Kind of like that", 2013.

    Returns:
        The hash, uint64 of shape (2,); None for a picture of one colour, of which nothing can be
        said.

    Raises:
        OSError: If it does not decode.
    """
    small = image.convert("L").resize((_SIDE, _SIDE), Image.Resampling.BOX)
    grey = np.asarray(small, dtype=np.int16)
    if grey.std() < _PLAINEST:
        return None
    bits = [np.diff(grey[:-1], axis=1) > 0, np.diff(grey[:, :-1], axis=0) > 0]
    return np.array([int.from_bytes(np.packbits(one).tobytes()) for one in bits], dtype=np.uint64)


def distances(one: Hashes, others: Hashes) -> NDArray[np.intp]:
    """The number of bits in which hashes differ from one, shape (n,).

    Args:
        one: Hash, shape (2,).
        others: Hashes, shape (n, 2).
    """
    differing = (others ^ one).view(np.uint8).reshape(len(others), 16)
    return np.asarray(np.unpackbits(differing, axis=1).sum(axis=1, dtype=np.intp))
