"""Folders for what a step writes before ZenML stores it."""

from __future__ import annotations

import shutil
from pathlib import Path
from tempfile import mkdtemp

from zenml import get_step_context


def scratch_folder() -> Path:
    """A folder that is removed when the outputs of the running step are stored."""
    folder = mkdtemp(prefix="spyglass-")
    # The registry that ZenML's materializers use for their own folders; it has no public door.
    get_step_context()._cleanup_registry.register_callback(
        lambda: shutil.rmtree(folder, ignore_errors=True)
    )
    return Path(folder)
