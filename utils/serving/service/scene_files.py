"""The files of a scene's job, written by its worker and read by the front.

    job.json         the job, written by the front
    upload.image     the upload, where the job has no address
    objects.ndjson   finished objects, one a line
    features.ndjson  the same as GeoJSON features, where the scene is georeferenced
    progress.json    rows done, and lengths of both files then
    pending-N.json   shapes that row N and those below may change
    failure.json     why the scene cannot be predicted

`progress.json` is replaced after each row, in one step. Whatever the files hold beyond the lengths
in it was written by a worker that was killed, and is written again.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

JOB, IMAGE, PROGRESS, FAILURE = "job.json", "upload.image", "progress.json", "failure.json"
OBJECTS, FEATURES = "objects.ndjson", "features.ndjson"


@dataclass(slots=True)
class Progress:
    """The progress of a scene.

    Attributes:
        width: Width, in pixels.
        height: Height, in pixels.
        rows: Number of rows of windows.
        windows: Number of windows.
        rows_done: Number of rows that are done.
        windows_done: Number of windows that are done.
        objects: Number of finished objects.
        lengths: Committed length of each file, in bytes.
        seconds: Time spent.
    """

    width: int
    height: int
    rows: int
    windows: int
    rows_done: int = 0
    windows_done: int = 0
    objects: int = 0
    lengths: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0


def read_progress(folder: Path) -> Progress | None:
    """The progress of a job; None before its first row is done."""
    content = read_json(folder / PROGRESS)
    return None if content is None else Progress(**content)


def write_progress(folder: Path, progress: Progress) -> None:
    """Replace the progress of a job, in one step."""
    write_json(folder / PROGRESS, asdict(progress))


def pending_file(folder: Path, row: int) -> Path:
    """The file with the shapes that a row of windows and those below may change."""
    return folder / f"pending-{row}.json"


def read_json(path: Path) -> dict[str, Any] | None:
    """The object in a small file, or None without one."""
    try:
        content: dict[str, Any] = json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    return content


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write a small file, whole or not at all."""
    partial = path.with_name(f".{path.name}.partial")
    with partial.open("w") as stream:
        json.dump(content, stream)
        stream.flush()
        os.fsync(stream.fileno())
    os.replace(partial, path)
