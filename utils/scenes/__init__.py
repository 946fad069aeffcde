"""Scenes: images of any size, and one reader for each kind of source."""
