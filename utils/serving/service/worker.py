"""The process that decodes images and predicts: `python -m utils.serving.service.worker`.

It is started by the front with the bundle's folder, the number of an open socket, and the number of
threads of the network. First it makes sure that the bundle finds on its test image what it must.
"""

from __future__ import annotations

import json
import logging
import signal
import socket
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from utils.errors import BundleError, LabelStudioError, SpyglassError
from utils.files import sha256_of
from utils.geometry import BoolArray
from utils.images.formats import image_format
from utils.monitoring.kept_pictures import SUFFIXES
from utils.serving.service.answers import content_of
from utils.serving.service.detector import (
    PackedDetector,
    SceneScan,
    answer_objects,
    objects_in_order,
)
from utils.serving.service.forms import Form
from utils.serving.service.frames import PROTOCOL, Header, packed, receive
from utils.serving.service.overlay import write_thumbnail
from utils.serving.service.problems import problem_without_path
from utils.serving.service.safe_decoding import keep_decoders_safe
from utils.serving.service.task_regions import check_project, regions_of
from utils.shapes.shapes import Shapes

_THREADS = 8  # questions at a time; the front asks fewer
_TOO_LARGE, _NO_IMAGE, _DAMAGED = 413, 415, 422

logger = logging.getLogger("spyglass.service")


class Problem(Exception):  # noqa: N818 - an answer
    """An image that cannot be predicted, as a status and a sentence."""

    def __init__(self, status: int, sentence: str) -> None:
        """Keep both."""
        super().__init__(sentence)
        self.status = status


def main(arguments: list[str]) -> int:
    """Serve the front until it closes the socket; returns the exit code."""
    folder, descriptor, threads = Path(arguments[0]), int(arguments[1]), int(arguments[2])
    # The front ends it, once its answers are out, by closing the socket; so does the front's death.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    logging.basicConfig(format="%(message)s")
    keep_decoders_safe()
    with socket.socket(fileno=descriptor) as front:
        try:
            detector = PackedDetector.load(folder, threads)
        except BundleError as error:
            front.sendall(packed({"refused": str(error)}))
            return 1
        front.sendall(packed(facts_of(detector)))
        _answer_all(front, detector)
    return 0


def facts_of(detector: PackedDetector) -> Header:
    """The facts about a bundle that every answer and `GET /model` tell."""
    bundle = detector.bundle
    return {
        "protocol": PROTOCOL,
        "model": bundle.model,
        "version": bundle.version,
        "digest": bundle.digest,
        "kind": bundle.kind.value,
        "class_names": list(bundle.class_names),
        "image_size": bundle.image_size,
        "tile_size": bundle.settings.tile_size,
        "overlap": bundle.settings.overlap,
        "confidence": bundle.settings.confidence,
        "settings": asdict(bundle.settings),
        "evaluation": bundle.evaluation,
        "weights": bundle.weights,
    }


def _answer_all(front: socket.socket, detector: PackedDetector) -> None:
    one_at_a_time = threading.Lock()

    def answer(question: Header) -> None:
        header, body = _answer(detector, question)
        with one_at_a_time:
            front.sendall(packed({**header, "number": question["number"]}, body))

    with ThreadPoolExecutor(_THREADS) as pool:
        while (frame := receive(front)) is not None:
            pool.submit(answer, frame[0])


def _answer(detector: PackedDetector, question: Header) -> tuple[Header, bytes]:
    """The answer to a question; a fault of ours is told in the log only."""
    try:
        ask = _QUESTIONS[question["ask"]]
        return ask(detector, question)
    except Problem as problem:
        return {"status": problem.status, "error": str(problem)}, b""
    except Exception:
        logger.exception("A prediction failed.")
        return {"status": 500, "error": "The service failed at this image; see its log."}, b""


@dataclass(frozen=True, slots=True)
class _Found:
    """The objects of an image, and what is noted of it."""

    scan: SceneScan
    shapes: Shapes
    at_edge: BoolArray
    note: dict[str, Any]


def _objects(detector: PackedDetector, question: Header) -> _Found:
    """The objects of the image in a question.

    Raises:
        Problem: If it is no image, too large, or does not decode.
    """
    path = Path(question["file"])
    with _told(path, _NO_IMAGE):
        kind = image_format(path)
    pixels = detector.pixel_options(question["most_pixels"])
    with _told(path, _DAMAGED):
        scan = detector.scan(path, question.get("options", {}), pixels)
        rows = list(scan.rows())
    seen = [one.facts(scan.confidence, detector.outliers) for row in rows for one in row.seen]
    note = {
        "image": sha256_of(path),
        "suffix": SUFFIXES.get(kind.name, kind.name.lower()),
        "width": scan.size[0],
        "height": scan.size[1],
        "windows": seen,
    }
    if thumbnail := question.get("thumbnail"):
        with _told(path, _DAMAGED):
            write_thumbnail(scan.path, scan.size, scan.pixels, Path(thumbnail))
    return _Found(scan, *objects_in_order(rows), note)


def _predict(detector: PackedDetector, question: Header) -> tuple[Header, bytes]:
    started = time.monotonic()
    bundle, form = detector.bundle, Form(question["form"])
    found = _objects(detector, question)
    scan, shapes, at_edge = found.scan, found.shapes, found.at_edge
    answer: dict[str, Any] = {
        "model": bundle.model,
        "version": bundle.version,
        "kind": bundle.kind.value,
        "width": scan.size[0],
        "height": scan.size[1],
        "objects": answer_objects(shapes, at_edge),
        "milliseconds": round((time.monotonic() - started) * 1000, 1),
    }
    with _told(scan.path, _DAMAGED):
        body = content_of(form, answer, shapes, at_edge, scan)
    header = {"status": 200, "type": form.value, "counts": dict(Counter(shapes.labels))}
    return {**header, "note": found.note}, body


def _set_up_project(detector: PackedDetector, question: Header) -> tuple[Header, bytes]:
    """Whether a project of Label Studio can show what the model finds."""
    try:
        check_project(question["config"], detector.bundle)
    except LabelStudioError as error:
        raise Problem(_DAMAGED, str(error)) from None
    return {"status": 200, "counts": {}}, b""


def _predict_task(detector: PackedDetector, question: Header) -> tuple[Header, bytes]:
    """Regions of a task of Label Studio."""
    try:
        classes = check_project(question["config"], detector.bundle)
    except LabelStudioError as error:
        raise Problem(_DAMAGED, str(error)) from None
    found = _objects(detector, question)
    content = regions_of(found.shapes, found.scan.size, classes)
    header = {"status": 200, "counts": dict(Counter(found.shapes.labels)), "note": found.note}
    return header, json.dumps(content).encode()


@contextmanager
def _told(path: Path, status: int) -> Iterator[None]:
    """Answer what is wrong with an image, without its path."""
    try:
        yield
    except SpyglassError as error:
        sentence = problem_without_path(str(error), path)
        is_too_large = "more than the limit" in sentence
        raise Problem(_TOO_LARGE if is_too_large else status, sentence) from None


def _test(detector: PackedDetector, question: Header) -> tuple[Header, bytes]:  # noqa: ARG001
    """The result on the test image, and that expected."""
    found = detector.prove()
    objects = answer_objects(found, found.confidences < 0)
    content = {"expected": detector.expected, "objects": objects}
    return {"status": 200, "type": "application/json", "counts": {}}, json.dumps(content).encode()


_QUESTIONS = {
    "predict": _predict,
    "test": _test,
    "label_studio_setup": _set_up_project,
    "label_studio": _predict_task,
}

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
