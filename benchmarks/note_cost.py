"""The cost of a note: an answer to a photo of 640 pixels with and without, in processor time."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from PIL import Image

from benchmarks.serving import SIDE, photo, yolo_bundle
from utils.files import sha256_of
from utils.images.measures import measures_of
from utils.images.options import PixelOptions
from utils.serving.service import worker
from utils.serving.service.detector import PackedDetector
from utils.serving.service.limits import Limits
from utils.serving.service.noting import Noting

_ROUNDS = 25
_FACTS = {"model": "yolov8n", "version": "1", "digest": "0" * 64}


def cost_of_notes(folder: Path) -> float:
    """The share of an answer that its note takes: worker and front together.

    Args:
        folder: Folder for a bundle, an image and notes.
    """
    detector = PackedDetector.load(yolo_bundle(folder / "yolo").folder, 1)
    image = folder / "photo.jpg"
    Image.fromarray(photo()).save(image, quality=90)
    # An untrained network finds nothing at 0.25: here it finds as much as a crowded photo shows.
    question = {"file": str(image), "form": "application/json", "most_pixels": 10**9}
    question["options"] = {"confidence": crowded(detector, question)}
    noting = Noting(folder / "notes", Limits())

    pixels = np.asarray(Image.open(image))
    (seen,) = detector.scan(image, question["options"], PixelOptions()).rows()

    def noted() -> None:
        """All that an answer without a note has not."""
        window = replace(seen.seen[0], measures=measures_of(pixels))
        facts = window.facts(0.0, detector.outliers)
        told = {"image": sha256_of(image), "width": SIDE, "height": SIDE, "windows": [facts]}
        header = json.loads(json.dumps({"note": told}))  # from the worker to the front
        noting.answered("/predict", _FACTS, header["note"], 0.1)

    # Apart from the answer, whose own time differs by more than a note takes.
    return ratio(noted, lambda: worker._predict(detector, question))


def crowded(detector: PackedDetector, question: dict[str, Any]) -> float:
    """A minimum score with which some fifty objects are found."""
    low = {**question, "options": {"confidence": 0.0}}
    scores = sorted(worker._predict(detector, low)[0]["note"]["windows"][0]["scores"])
    return float(scores[-min(50, len(scores))])


def cost_of_features(folder: Path) -> float:
    """The share of a window that the network's further output takes."""
    model = onnx.load(folder / "yolo" / "src" / "network.onnx")
    whole = session(model)
    del model.graph.output[-1], model.graph.node[-1]
    plain = session(model)
    pixels = np.random.default_rng(0).random((1, 3, SIDE, SIDE), dtype=np.float32)
    return ratio(lambda: whole(pixels), lambda: plain(pixels)) - 1


def session(model: onnx.ModelProto) -> Callable[[Any], Any]:
    """A network on one thread."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    loaded = onnxruntime.InferenceSession(model.SerializeToString(), options)
    (entrance,) = loaded.get_inputs()
    return lambda pixels: loaded.run(None, {entrance.name: pixels})


def ratio(one: Callable[[], object], other: Callable[[], object]) -> float:
    """The least processor time of one, over that of the other; both run in turn."""
    times: dict[Callable[[], object], list[float]] = {one: [], other: []}
    for _ in range(_ROUNDS):
        for work in (one, other):
            started = time.process_time()
            work()
            times[work].append(time.process_time() - started)
    return min(times[one]) / min(times[other])
