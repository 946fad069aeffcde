"""Random textures: rough ground, soft clouds, and the waves of the sea."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

Field = NDArray[np.float32]


def soft_field(random: Generator, height: int, width: int, wavelength: float) -> Field:
    """Smooth noise of mean 0 and about unit size, shape (height, width).

    Args:
        random: Source of randomness.
        height: In pixels.
        width: In pixels.
        wavelength: The size of its lumps, in pixels.
    """
    rows, columns = int(height / wavelength) + 4, int(width / wavelength) + 4
    knots = random.normal(0, 1, (rows, columns)).astype(np.float32)
    spread = (round(columns * wavelength), round(rows * wavelength))
    large = cv2.resize(knots, spread, interpolation=cv2.INTER_CUBIC)
    margin = int(1.5 * wavelength)
    return np.ascontiguousarray(large[margin : margin + height, margin : margin + width])


def rough_field(
    random: Generator, height: int, width: int, longest: float, shortest: float
) -> Field:
    """Fractal noise: each octave of half the wavelength adds half as much.

    Args:
        random: Source of randomness.
        height: In pixels.
        width: In pixels.
        longest: Wavelength of the first octave, in pixels.
        shortest: No octave is shorter than this.
    """
    total = np.zeros((height, width), dtype=np.float32)
    wavelength, share = longest, 1.0
    while wavelength >= shortest:
        total += share * soft_field(random, height, width, wavelength)
        wavelength, share = wavelength / 2, share / 2
    return total


def grain(random: Generator, size: int, exponent: float) -> Field:
    """A square texture of unit deviation that continues over its edges.

    Args:
        random: Source of randomness.
        size: Size of a side, in pixels.
        exponent: How fast the amplitude falls with the frequency: 0 is white noise.
    """
    frequency = np.hypot(*_frequencies(size))
    frequency[0, 0] = np.inf
    spectrum = np.fft.rfft2(random.normal(0, 1, (size, size))) * frequency**-exponent
    return _normalised(np.fft.irfft2(spectrum, (size, size)))


def waves(random: Generator, size: int, wavelength: float, wind: float) -> Field:
    """A square texture of the light on waves, of unit deviation, that continues over its edges.

    The heights follow the spectrum of O. M. Phillips (1958), which is usual for drawing the sea;
    what is seen is their slope along the wind.

    Args:
        random: Source of randomness.
        size: Size of a side, in pixels.
        wavelength: Wavelength of the largest waves, in pixels.
        wind: The direction that it blows to, in radians.
    """
    down, across = _frequencies(size)
    frequency = np.hypot(down, across)
    frequency[0, 0] = 1  # the mean, which `along` makes 0
    along = (across * np.cos(wind) + down * np.sin(wind)) / frequency
    heights = np.exp(-0.5 / (frequency * wavelength) ** 2) / frequency**2 * np.abs(along)
    slopes = heights * along * frequency
    slopes *= np.exp(-((frequency / 0.35) ** 2))  # what is finer than two pixels is not seen
    noise = np.fft.rfft2(random.normal(0, 1, (size, size)))
    return _normalised(np.fft.irfft2(1j * slopes * noise, (size, size)))


def enlarged(field: Field, step: int, rows: slice, columns: slice) -> Field:
    """The part of a coarse field that lies over some rows and columns of the image.

    Args:
        field: A value for every `step`-th pixel of the image.
        step: In pixels.
        rows: Rows of the image.
        columns: Columns of the image.
    """
    across = (np.arange(columns.start, columns.stop, dtype=np.float32) + 0.5) / step
    down = (np.arange(rows.start, rows.stop, dtype=np.float32) + 0.5) / step
    grid_across, grid_down = np.meshgrid(across, down)
    smooth: Field = cv2.remap(
        field, grid_across, grid_down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    ).astype(np.float32, copy=False)
    return smooth


def tiled(texture: Field, rows: slice, width: int) -> Field:
    """The texture repeated over the given rows of an image `width` wide."""
    down = np.arange(rows.start, rows.stop) % texture.shape[0]
    across = np.arange(width) % texture.shape[1]
    repeated: Field = texture[down][:, across]
    return repeated


def _frequencies(size: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    down, across = np.meshgrid(np.fft.fftfreq(size), np.fft.rfftfreq(size), indexing="ij")
    return down, across


def _normalised(texture: NDArray[np.float64]) -> Field:
    normal: Field = ((texture - texture.mean()) / texture.std()).astype(np.float32)
    return normal
