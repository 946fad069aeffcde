"""The sides of windows in scenes of another resolution than the training tiles."""

from __future__ import annotations

import numpy as np

OVERLAPS = 5  # windows share a fifth of their side
SMALLEST_SIDE = 32
MOST_RESAMPLED = 8.0  # the memory that an inference takes grows with its windows
NOTICEABLE = 1.2  # differs by more than a fifth


def is_alike(factor: float) -> bool:
    """Whether objects shown larger by a factor look as learned."""
    return 1 / NOTICEABLE <= factor <= NOTICEABLE


def shown_larger(learned: float, metres: float) -> float:
    """The factor by which windows are larger, to show objects as large as in training.

    It is 1 for a scene whose resolution differs by no more than a fifth.

    Args:
        learned: Length of a pixel of the training tiles on the ground, in metres.
        metres: The same of the scene.
    """
    if is_alike(learned / metres):
        return 1.0
    return float(np.clip(learned / metres, 1 / MOST_RESAMPLED, MOST_RESAMPLED))


def resampled_sides(
    tile_size: int, overlap: int, learned: float | None, metres: float | None
) -> tuple[int, int]:
    """Side and overlap of the windows of a scene, in pixels.

    Args:
        tile_size: Side of the windows for scenes of the resolution of the training.
        overlap: Overlap for such scenes; a fifth of the side stays a fifth.
        learned: Length of a pixel of the training tiles on the ground, in metres, if known.
        metres: The same of the scene.
    """
    factor = shown_larger(learned, metres) if learned and metres else 1.0
    resampled = max(round(tile_size * factor), SMALLEST_SIDE)
    chosen = resampled // OVERLAPS if overlap == tile_size // OVERLAPS else overlap
    return resampled, max(min(chosen, resampled // 2), 1)
