"""The split that a source gives a scene: by its folders, its lists or its own name for it."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

# As Roboflow, YOLO, COCO (`train2017`) and Hugging Face (`train[:10%]`) name them.
_NAMES = {
    "train": re.compile(r"^train(ing)?(\d{4}|\[.*\])?$", re.I),
    "val": re.compile(r"^(val|valid|validation|dev)(\d{4}|\[.*\])?$", re.I),
    "test": re.compile(r"^test(ing)?(\d{4}|\[.*\])?$", re.I),
}


def split_named(name: str) -> str | None:
    """Return the split that a name means: `train`, `val` or `test`; None for any other name."""
    return next((split for split, pattern in _NAMES.items() if pattern.match(name)), None)


def split_by_folder(scene_id: str) -> str | None:
    """Return the split that a folder above the image names, the outermost of several."""
    folders = PurePosixPath(scene_id).parent.parts[1:]  # the first is the source's name
    return next(filter(None, map(split_named, folders)), None)
