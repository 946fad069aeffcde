"""Measures of an image's quality: brightness, contrast and sharpness of a window's pixels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# Weights of red, green and blue in the luma, ITU-R BT.601-7, section 2.5.1.
MEASURES = ("brightness", "contrast", "sharpness")
_WHITE = 255
_LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32) / np.float32(_WHITE)
_SAMPLES = 160  # pixels a side that are looked at: more change no measure by 1 %


@dataclass(frozen=True, slots=True)
class Measures:
    """The quality of some pixels; every pixel counts, those of a border without data, too.

    Attributes:
        brightness: Mean luma, in [0, 1].
        contrast: Standard deviation of the luma, in [0, 0.5]: the RMS contrast of Peli, "Contrast
            in complex images", JOSA A 7(10), 1990.
        sharpness: Standard deviation of the Laplacian of green, the larger part of the luma, in
            [0, 4]; its square is the focus measure of Pech-Pacheco et al., "Diatom autofocusing in
            brightfield microscopy", ICPR 2000.
    """

    brightness: float
    contrast: float
    sharpness: float


def measures_of(pixels: NDArray[np.uint8]) -> Measures:
    """The measures of an upright RGB image, uint8 of shape (height, width, 3).

    At most some 160 × 160 pixels are looked at, evenly spread, each with its four neighbours, so
    that the time does not grow with the image.
    """
    # Odd steps: even ones would fall in with the blocks of 8 pixels of a JPEG.
    rows, columns = (length // _SAMPLES | 1 for length in pixels.shape[:2])
    luma = _luma(pixels[::rows, ::columns])
    sharpness = _sharpness(pixels[..., 1], rows, columns)
    return Measures(float(luma.mean()), float(luma.std()), sharpness)


def _luma(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    luma = pixels[..., 0] * _LUMA[0]
    luma += pixels[..., 1] * _LUMA[1]  # in place: four times as fast as a product of matrices
    luma += pixels[..., 2] * _LUMA[2]
    return np.asarray(luma, dtype=np.float32)


def _sharpness(green: NDArray[np.uint8], rows: int, columns: int) -> float:
    height, width = green.shape
    if min(height, width) < 3:
        return 0.0
    inner_rows, inner_columns = slice(1, height - 1, rows), slice(1, width - 1, columns)
    laplacian = green[inner_rows, inner_columns].astype(np.int16)
    laplacian *= 4
    laplacian -= green[: height - 2 : rows, inner_columns]
    laplacian -= green[2::rows, inner_columns]
    laplacian -= green[inner_rows, : width - 2 : columns]
    laplacian -= green[inner_rows, 2::columns]
    return float(laplacian.std()) / _WHITE
