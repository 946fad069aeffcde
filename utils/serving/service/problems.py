"""Sentences about images, for those who do not know where they lie."""

from __future__ import annotations

from pathlib import Path


def problem_without_path(sentence: str, path: Path) -> str:
    """The sentence about an image, which its sender does not know by its path."""
    told = sentence.replace(str(path), "The file").replace(path.name, "the file")
    return told.replace(" Leave it out, or raise max_pixels in the configuration.", "")
