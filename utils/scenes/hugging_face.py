"""Hugging Face datasets, streamed."""

from __future__ import annotations

from utils.errors import SourceError
from utils.scenes.options import HuggingFaceSource
from utils.scenes.scene import SceneSource


def open_hugging_face(options: HuggingFaceSource) -> SceneSource:
    """Open a dataset."""
    raise SourceError(f"{options.dataset} cannot be read.")
