"""Pictures of predicted images, where they are asked for: bounded in bytes, the oldest go first.

This module needs the standard library only, since it runs in the service.
"""

from __future__ import annotations

import os
from collections import OrderedDict
from contextlib import suppress
from pathlib import Path
from typing import Literal

from utils.monitoring.journal import IMAGES, count_dropped

Keep = Literal["none", "thumbnails", "images"]
SUFFIXES = {"JPEG": "jpg", "TIFF": "tif", "JPEG 2000": "jp2", "HEIF": "heic"}
"""Suffix of a format by its name, where it is not the name in small letters."""


class KeptPictures:
    """The pictures in a folder of notes.

    Attributes:
        uncounted: Number of dropped pictures that could not be counted yet.
    """

    def __init__(self, folder: Path, most_bytes: int) -> None:
        """Find the pictures of the service before.

        Args:
            folder: Folder of the notes.
            most_bytes: Bytes that the pictures may take; the oldest are dropped beyond it.
        """
        self._notes = folder
        self._folder = folder / IMAGES
        self._most_bytes = most_bytes
        self.uncounted = 0
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = sorted((file.stat().st_mtime, file) for file in self._folder.iterdir())
        self._sizes = OrderedDict((file, file.stat().st_size) for _, file in found)
        self._total = sum(self._sizes.values())

    def keep(self, file: Path, sha256: str, suffix: str) -> None:
        """Keep a file, which stays where it is, too; the same image is kept once.

        Args:
            file: A file on the same disk.
            sha256: SHA-256 of the image, in hex, which names it.
            suffix: Suffix of the name.

        Raises:
            StoreError: If the disk is too full to count what is dropped, which is counted later.
        """
        target = self._folder / f"{sha256}.{suffix}"
        if target in self._sizes:
            return
        size = file.stat().st_size
        if size > self._most_bytes:
            self._count(1)
            return
        with suppress(FileExistsError):
            os.link(file, target)
        self._sizes[target] = size
        self._total += size
        self._drop_oldest()

    def _drop_oldest(self) -> None:
        dropped = 0
        while self._total > self._most_bytes:
            oldest, size = self._sizes.popitem(last=False)
            oldest.unlink(missing_ok=True)
            self._total -= size
            dropped += 1
        if dropped:
            self._count(dropped)

    def _count(self, images: int) -> None:
        self.uncounted += images
        count_dropped(self._notes, images=self.uncounted)
        self.uncounted = 0
