"""How images are read: the configuration types."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, field_validator

from utils.options import Options


class PixelOptions(Options):
    """How the pixels of any image become upright 8-bit RGB."""

    percentiles: tuple[float, float] = (2.0, 98.0)
    """Images of more than 8 bits a band are stretched, band by band, so that these two percentiles
    of the scene become 0 and 255."""
    max_pixels: Annotated[int, Field(gt=0)] = 500_000_000
    """Largest image accepted, in pixels (width times height), read from its header before anything
    is decoded; a defence against decompression bombs."""

    @field_validator("percentiles")
    @classmethod
    def _in_order(cls, value: tuple[float, float]) -> tuple[float, float]:
        low, high = value
        if not 0 <= low < high <= 100:
            raise ValueError(f"percentiles must satisfy 0 <= low < high <= 100, not {low}, {high}")
        return value
