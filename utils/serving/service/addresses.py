"""Places that a scene may be read from: folders and buckets that the owner of the service names."""

from __future__ import annotations

import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from utils.serving.service.buckets import SCHEME
from utils.serving.service.refusals import Refused

_NOT_ALLOWED = (
    "This address is not allowed: name a file in one of the folders or buckets that the service "
    "was started with."
)


class Addresses:
    """The allowed places."""

    def __init__(self, places: Sequence[str]) -> None:
        """Keep the folders, without links, and the buckets.

        Args:
            places: Folders, and buckets as `gs://bucket` or `gs://bucket/prefix`.
        """
        self._buckets = [place.rstrip("/") for place in places if place.startswith(SCHEME)]
        folders = [place for place in places if not place.startswith(SCHEME)]
        self._folders = [Path(folder).resolve() for folder in folders]

    def source_at(self, address: Any) -> str:
        """The file, or the object of a bucket, at an address.

        Args:
            address: Absolute path of a file, or `gs://bucket/name`, from a client.

        Raises:
            Refused: If it is not allowed, or there is no file.
        """
        if not isinstance(address, str) or not address:
            raise Refused(400, 'Name the scene: {"address": "/folder/scene.tif"}.')
        if any(address.startswith(f"{bucket}/") for bucket in self._buckets):
            return address
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
        return str(path)
