"""The plugins of the App: Spyglass' own beside the user's."""

from __future__ import annotations

import os
from pathlib import Path

from utils.paths import PROJECT_ROOT, local_folder

_OWN = PROJECT_ROOT / "plugins" / "spyglass"


def provide_plugins() -> Path:
    """Make a folder of links for the App: to Spyglass' plugin, and to the user's plugin folder.

    The user's folder, named by `FIFTYONE_PLUGINS_DIR`, is linked as a whole: plugins installed
    there later are found too, and nothing is ever written to it.
    """
    folder = local_folder("fiftyone", "app-plugins")
    users = os.environ.get("FIFTYONE_PLUGINS_DIR") or local_folder("fiftyone", "plugins")
    for name, target in (("spyglass", _OWN), ("users", Path(users).expanduser().absolute())):
        _point(folder / name, target)
    return folder


def _point(link: Path, target: Path) -> None:
    """Point a link at a folder, wherever it pointed before."""
    if link.is_symlink() and link.readlink() == target:
        return
    link.unlink(missing_ok=True)
    link.symlink_to(target, target_is_directory=True)
