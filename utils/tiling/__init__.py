"""Tiles: the grid, windows of huge images, cutting and encoding, the manifest."""
