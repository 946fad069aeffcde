"""Where local state lives: one ignored folder, so that deleting it resets everything."""

from __future__ import annotations

import os
from pathlib import Path

PROJECT_ROOT = Path(__file__).resolve().parent.parent


def local_folder(*parts: str) -> Path:
    """A folder below `.local/` (or below `$SPYGLASS_LOCAL`), made when missing.

    Args:
        parts: Names of nested folders, such as `"cache", "images"`.

    Returns:
        The absolute path.
    """
    root = Path(os.environ.get("SPYGLASS_LOCAL", PROJECT_ROOT / ".local"))
    folder = root.expanduser().absolute().joinpath(*parts)
    folder.mkdir(parents=True, exist_ok=True)
    return folder
