"""Numbers that stand for no data."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from utils.geometry import BoolArray
from utils.images.facts import ImageFacts

USUAL_NODATA = -9999.0  # where no tag says so; a raster of signed numbers rarely means it
BEYOND_ANY_MEASUREMENT = 1e38  # such as -3.4e38, the lowest float, which often stands for nodata


def without_data(numbers: NDArray[Any], facts: ImageFacts) -> BoolArray:
    """Where numbers, as they are stored, stand for no data; the mask of the file aside.

    Args:
        numbers: Numbers of any shape and type but complex.
        facts: Facts of the image.
    """
    missing = np.zeros(numbers.shape, dtype=np.bool_)
    if facts.nodata is not None and np.isfinite(facts.nodata):
        missing |= numbers == facts.nodata
        if numbers.dtype.kind == "f":  # the tag is text
            missing |= numbers == np.float32(facts.nodata)
    if numbers.dtype.kind == "f":
        missing |= ~(np.abs(numbers) <= BEYOND_ANY_MEASUREMENT)  # not a number, too
    if numbers.dtype.kind in "if" and numbers.dtype.itemsize > 1:
        missing |= numbers == USUAL_NODATA
    return missing
