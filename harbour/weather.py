"""Clouds and their shadows."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import Generator

from harbour.canvas import Mask, Pixels
from harbour.noise import Field, enlarged, rough_field

_COARSE = 8  # clouds are planned on a grid of this many pixels
_BLOCK = 128
_SHADOW = (104, 72)  # how far a cloud's shadow falls, in pixels: right and down
_SHADOW_DEPTH = 0.4
_DENSEST = 0.94
_HIDING = 0.3
_VISIBLE = 0.004  # less of a cloud changes no pixel


@dataclass(frozen=True, slots=True)
class Clouds:
    """The clouds of a scene, with a value for every 8th pixel.

    Attributes:
        opacity: The share of the light from below that they keep back, in [0, 1].
        brightness: How bright they are themselves, as a pixel value.
    """

    opacity: Field
    brightness: Field

    def hiding(self, shape: tuple[int, ...]) -> Mask:
        """A mask of shape (height, width), 255 where what is below can hardly be seen."""
        dense = np.where(self.opacity > _HIDING, np.uint8(255), np.uint8(0))
        large = dense.repeat(_COARSE, axis=0).repeat(_COARSE, axis=1)
        return large[: shape[0], : shape[1]]


def form_clouds(random: Generator, height: int, width: int, cover: float) -> Clouds:
    """Let clouds form over about `cover` (in [0, 1]) of the scene."""
    rows, columns = height // _COARSE + 2, width // _COARSE + 2
    puffs = rough_field(random, rows, columns, 52, 1.5)
    excess = puffs - np.quantile(puffs, 1 - cover) + 0.1
    density = np.clip(excess / 1.0, 0, 1) if cover else np.zeros_like(puffs)
    opacity = _DENSEST * density * (2 - density)
    billows = rough_field(random, rows, columns, 12, 1.5)
    brightness = np.clip(216 + 26 * density + 5 * billows, 0, 250)
    return Clouds(opacity.astype(np.float32), brightness.astype(np.float32))


def draw_clouds(pixels: Pixels, clouds: Clouds) -> None:
    """Lay clouds and their shadows over the scene, in place."""
    shift = np.array([[1, 0, _SHADOW[0] / _COARSE], [0, 1, _SHADOW[1] / _COARSE]])
    shadow = cv2.warpAffine(clouds.opacity, shift, clouds.opacity.shape[::-1])
    light = (1 - _SHADOW_DEPTH * cv2.GaussianBlur(shadow, (0, 0), 1.5)).astype(np.float32)
    height, width = pixels.shape[:2]
    for top in range(0, height, _BLOCK):
        for left in range(0, width, _BLOCK):
            rows = slice(top, min(top + _BLOCK, height))
            columns = slice(left, min(left + _BLOCK, width))
            _draw_block(pixels, clouds, light, rows, columns)


def _draw_block(pixels: Pixels, clouds: Clouds, light: Field, rows: slice, columns: slice) -> None:
    cloud = enlarged(clouds.opacity, _COARSE, rows, columns)[..., None]
    lit = enlarged(light, _COARSE, rows, columns)[..., None]
    if cloud.max() < _VISIBLE and lit.min() > 1 - _VISIBLE:
        return
    white = enlarged(clouds.brightness, _COARSE, rows, columns)[..., None]
    pixels[rows, columns] = pixels[rows, columns] * (lit * (1 - cloud)) + white * cloud
