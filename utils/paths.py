"""Where local state lives: one ignored folder, so that deleting it resets everything."""

from __future__ import annotations

import logging
import os
import stat
from pathlib import Path

_FOR_OTHERS = stat.S_IRWXG | stat.S_IRWXO

logger = logging.getLogger(__name__)

PROJECT_ROOT = Path(__file__).resolve().parent.parent


def local_folder(*parts: str) -> Path:
    """A folder below `.local/` (or below `$SPYGLASS_LOCAL`), made when missing.

    Only its owner can enter `.local/`: databases in it hold tokens and passwords.

    Args:
        parts: Names of nested folders, such as `"cache", "images"`.

    Returns:
        The absolute path.
    """
    root = Path(os.environ.get("SPYGLASS_LOCAL", PROJECT_ROOT / ".local")).expanduser().absolute()
    if not root.is_dir():
        root.mkdir(mode=stat.S_IRWXU, parents=True, exist_ok=True)
    _keep_to_owner(root)
    folder = root.joinpath(*parts)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def with_project_on_path() -> str:
    """A `PYTHONPATH` with which a program finds the modules of Spyglass from any folder."""
    return os.pathsep.join(filter(None, [str(PROJECT_ROOT), os.environ.get("PYTHONPATH")]))


def _keep_to_owner(root: Path) -> None:
    """Close a folder to other users, where it is ours to close."""
    found = root.stat()
    if found.st_mode & _FOR_OTHERS and found.st_uid == os.getuid():
        root.chmod(stat.S_IMODE(found.st_mode) & ~_FOR_OTHERS)
        logger.warning(
            "%s was open to other users of this machine; now only you can enter it, since it "
            "holds tokens and passwords.",
            root,
        )
