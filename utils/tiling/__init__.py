"""Scenes into tiles: the grid, the reader of huge images, the tiler, and the manifest."""

from utils.tiling.tiler import tile_image

__all__ = ["tile_image"]
