"""How images are read: the configuration types."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, field_validator

from utils.options import Options

BandNumber = Annotated[int, Field(ge=1)]


class PixelOptions(Options):
    """How the pixels of any image become upright 8-bit RGB."""

    percentiles: tuple[float, float] = (2.0, 98.0)
    """Images of more than 8 bits a band are stretched, band by band, so that these two percentiles
    of the scene become 0 and 255."""
    limits: tuple[float, float] | None = None
    """Instead of percentiles: the two values that become 0 and 255 in every band and every scene,
    such as [0, 3000] for reflectances of Sentinel-2; what lies beyond is clipped. Default:
    percentiles, which differ from scene to scene."""
    max_pixels: Annotated[int, Field(gt=0)] = 500_000_000
    """Largest image accepted, in pixels (width times height), read from its header before anything
    is decoded; a defence against decompression bombs."""
    page: Annotated[int, Field(ge=1)] | None = None
    """Page (TIFF) or frame (GIF, WebP, AVIF) to read, counted from 1. Default: the first page that
    is no thumbnail, smaller copy or mask of another."""
    bands: Annotated[tuple[BandNumber, ...], Field(min_length=1, max_length=3)] | None = None
    """Bands to read as red, green and blue, counted from 1, such as [4, 3, 2]; one band is read as
    grey. Default: the bands that the file calls red, green and blue, else its first three."""

    @field_validator("bands")
    @classmethod
    def _one_or_three(cls, value: tuple[int, ...] | None) -> tuple[int, ...] | None:
        if value is not None and len(value) == 2:
            raise ValueError("bands must be one (grey) or three (red, green, blue), not 2")
        return value

    @field_validator("limits")
    @classmethod
    def _a_range(cls, value: tuple[float, float] | None) -> tuple[float, float] | None:
        if value is not None and not value[0] < value[1]:
            raise ValueError(f"limits must be two rising values, not {value[0]:g}, {value[1]:g}")
        return value

    @field_validator("percentiles")
    @classmethod
    def _in_order(cls, value: tuple[float, float]) -> tuple[float, float]:
        low, high = value
        if not 0 <= low < high <= 100:
            raise ValueError(f"percentiles must satisfy 0 <= low < high <= 100, not {low}, {high}")
        return value
