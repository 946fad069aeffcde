"""Files that a scene may be read from: those in folders that the owner of the service names."""

from __future__ import annotations

import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from utils.serving.service.refusals import Refused

_NOT_ALLOWED = (
    "This address is not allowed: name a file in one of the folders that the service was started "
    "with."
)


class Addresses:
    """The allowed places."""

    def __init__(self, folders: Sequence[Path]) -> None:
        """Keep the folders, without links."""
        self._folders = [folder.resolve() for folder in folders]

    def file_at(self, address: Any) -> Path:
        """The file at an address.

        Args:
            address: Absolute path of a file, from a client.

        Raises:
            Refused: If it is not allowed, or there is no file.
        """
        if not isinstance(address, str) or not address:
            raise Refused(400, 'Name the scene: {"address": "/folder/scene.tif"}.')
        try:
            if not address.startswith("/"):
                raise Refused(403, _NOT_ALLOWED)
            # Links are followed first: one in a folder may lead anywhere.
            path = Path(address).resolve()
            if not any(path.is_relative_to(folder) for folder in self._folders):
                raise Refused(403, _NOT_ALLOWED)
            if not stat.S_ISREG(path.stat().st_mode):
                raise Refused(422, "There is no file at this address.")
        except (OSError, ValueError, RuntimeError):
            raise Refused(404, "There is no file at this address.") from None
        return path
