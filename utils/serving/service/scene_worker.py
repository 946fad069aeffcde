"""The process that predicts one scene: `python -m utils.serving.service.scene_worker`.

It is started by the front with the bundle's folder, the job's folder, the image, the number of
threads of the network, and the largest scene in pixels and in bytes. Killed at any moment, it goes
on after the last row of windows that was done, and comes to the same result.
"""

from __future__ import annotations

import errno
import json
import logging
import os
import signal
import sys
import time
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from utils.detection.map_geometries import geometries_on_earth
from utils.detection.merged_rows import FoundInWindow
from utils.errors import GeoreferenceError, SpyglassError
from utils.geometry import Window
from utils.serving.service.answers import features_of
from utils.serving.service.buckets import SCHEME, fetch
from utils.serving.service.detector import FoundRow, PackedDetector, SceneScan, answer_objects
from utils.serving.service.problems import problem_without_path
from utils.serving.service.safe_decoding import keep_decoders_safe
from utils.serving.service.scene_files import (
    FAILURE,
    FEATURES,
    IMAGE,
    OBJECTS,
    Progress,
    pending_file,
    read_json,
    read_progress,
    write_json,
    write_progress,
)
from utils.serving.service.scene_notes import SceneNotes
from utils.shapes.outlines import from_wkb, to_wkb
from utils.shapes.shapes import ShapeKind, Shapes

DONE, FAILED = 0, 3
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_LESS_URGENT = 5  # than the predictions of single images

logger = logging.getLogger("spyglass.service")


def main(arguments: list[str]) -> int:
    """Predict a scene to its end; returns the exit code."""
    bundle, folder, source = Path(arguments[0]), Path(arguments[1]), arguments[2]
    threads, most_pixels, most_bytes = (int(argument) for argument in arguments[3:])
    is_object = source.startswith(SCHEME)
    image = folder / IMAGE if is_object else Path(source)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    logging.basicConfig(format="%(message)s")
    os.nice(_LESS_URGENT)
    keep_decoders_safe()
    try:
        detector = PackedDetector.load(bundle, threads)
        job = read_json(folder / "job.json") or {}
        pixels = detector.pixel_options(most_pixels)
        if is_object:
            fetch(source, image, most_bytes)
        notes = SceneNotes.of(detector, folder)
        predict_scene(detector.scan(image, job["options"], pixels), folder, notes)
    except SpyglassError as error:
        return _failed(folder, problem_without_path(str(error), image))
    except OSError as error:
        if error.errno not in _FULL:
            raise
        return _failed(folder, "The disk of the service is full; ask its owner for room.")
    return DONE


def predict_scene(scan: SceneScan, folder: Path, notes: SceneNotes) -> None:
    """Predict the rows of a scene that are not done, and write and note what is finished.

    Raises:
        GeoreferenceError: If the image lies nowhere on Earth.
        ImageError: If it does not decode.
    """
    kind = scan.bundle.kind
    progress = read_progress(folder) or Progress(
        *scan.size, rows=len(scan.grid.rows), windows=len(scan.grid)
    )
    if progress.rows_done == progress.rows:
        return
    with ExitStack() as opened:
        names = (OBJECTS, FEATURES) if _is_on_earth(scan) else (OBJECTS,)
        files = {name: opened.enter_context(_continued(folder / name, progress)) for name in names}
        before, started = progress.seconds, time.monotonic()
        for found in scan.rows(progress.rows_done, _pending(folder, progress.rows_done, kind)):
            _write(found, scan, files)
            notes.add(found.seen, scan)
            if found.pending:
                shapes = {"pending": _packed(found.pending)}
                write_json(pending_file(folder, found.row + 1), shapes)
            progress.rows_done = found.row + 1
            progress.windows_done = found.windows
            progress.objects += len(found.objects)
            progress.lengths = {name: file.tell() for name, file in files.items()}
            progress.seconds = before + time.monotonic() - started
            write_progress(folder, progress)
            pending_file(folder, found.row).unlink(missing_ok=True)


def _is_on_earth(scan: SceneScan) -> bool:
    """Whether objects can be told as places; a georeference may mean none."""
    if scan.georeference is None:
        return False
    whole = Shapes(np.array([[0.0, 0.0, *scan.size]]), ("scene",))
    try:
        list(geometries_on_earth(whole, scan.georeference))
    except GeoreferenceError:
        return False
    return True


def _continued(path: Path, progress: Progress) -> BinaryIO:
    """A file to append to, without what was written after the last row that was done."""
    path.touch(mode=0o600)
    stream = path.open("r+b", buffering=0)
    stream.truncate(progress.lengths.get(path.name, 0))
    stream.seek(0, os.SEEK_END)
    return stream


def _write(found: FoundRow, scan: SceneScan, files: dict[str, BinaryIO]) -> None:
    if not len(found.objects):
        return
    _append(files[OBJECTS], answer_objects(found.objects, found.at_edge))
    if FEATURES in files:
        version = scan.bundle.version
        features = features_of(found.objects, found.at_edge, scan.georeference, version)
        _append(files[FEATURES], features)


def _append(file: BinaryIO, rows: Iterable[dict[str, Any]]) -> None:
    lines = (json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n" for row in rows)
    content = memoryview("".join(lines).encode())
    while content:
        content = content[file.write(content) :]
    os.fsync(file.fileno())


def _packed(pending: Sequence[FoundInWindow]) -> list[Any]:
    return [
        {
            "window": [window.x, window.y, window.width, window.height],
            "boxes": shapes.xyxy.tolist(),
            "labels": list(shapes.labels),
            "scores": shapes.confidences.tolist(),
            "outlines": None
            if shapes.outlines is None
            else [one.hex() for one in to_wkb(shapes.outlines)],
        }
        for window, shapes in pending
    ]


def _pending(folder: Path, row: int, kind: ShapeKind) -> list[FoundInWindow]:
    content = read_json(pending_file(folder, row)) or {"pending": []}
    found: list[FoundInWindow] = []
    for one in content["pending"]:
        x, y, width, height = one["window"]
        outlines = one["outlines"]
        shapes = Shapes(
            np.array(one["boxes"]),
            tuple(one["labels"]),
            np.array(one["scores"]),
            None if outlines is None else from_wkb([bytes.fromhex(text) for text in outlines]),
            kind,
        )
        found.append((Window(x=x, y=y, width=width, height=height), shapes))
    return found


def _failed(folder: Path, sentence: str) -> int:
    try:
        write_json(folder / FAILURE, {"error": sentence})
    except OSError:  # the disk is full: the front says so
        logger.error("%s", sentence)
    return FAILED


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
