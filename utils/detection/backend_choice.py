"""The choice of a backend: the fastest runtime that finds what PyTorch finds."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from utils.detection.backends import (
    Backend,
    is_installed,
    onnx_backend,
    openvino_backend,
    pytorch_backend,
    tensorrt_backend,
)
from utils.detection.exports import Exports, Verdict
from utils.detection.ultralytics.network import Network
from utils.shapes.shapes import Shapes

# Predicts some images with a backend; boxes of low scores are included.
Predict = Callable[[Backend], list[Shapes]]

_ON_CPU = ("openvino", "onnx")
_ON_GPU = ("tensorrt",)
_ROUNDS = 2
# Shapes with lower scores may be counterparts but need none: by default no prediction keeps them.
_CLEAR_SCORE = 0.25
_COUNTERPART_IOU = 0.75
_SCORE_TOLERANCE = 0.15
LEAST_AGREEMENT = 0.99
MOST_MAP50_LOST = 0.005
_ENOUGH_BOXES = 20  # fewer do not prove much

logger = logging.getLogger(__name__)


def choose_backend(
    network: Network, wanted: str, batch: int, exports: Exports, predict: Predict
) -> Backend:
    """The backend that is wanted or, for `auto`, the fastest; PyTorch where no other is as good.

    A backend is as good when 99 % of the clear boxes that it or PyTorch finds have a counterpart
    in the other's boxes (`agreement`), and, where its mAP50 was measured, it loses at most 0.005.
    With too few boxes to compare, as over open water, and without a measurement, a backend of less
    than full precision is not used. Results are kept with the detector, so each backend is checked
    once.

    Args:
        network: The network in PyTorch, the reference.
        wanted: Name as in `InferenceOptions.backend`.
        batch: Number of images that are predicted together.
        exports: Exported networks of the detector.
        predict: Predicts some windows of the scenes with a backend.
    """
    pytorch = pytorch_backend(network)
    names = _candidates(wanted, network.device.type)
    if not names:
        return pytorch
    with exports.locked():
        others = list(_loaded(names, exports, batch, network))
        verdicts, is_proof = _check([pytorch, *others], wanted, exports, predict)
        losses = exports.losses()
    usable = [
        one
        for one in others
        if _is_proven(one, losses, is_proof)
        and _agrees(one, verdicts)
        and _keeps_map50(one, losses)
    ]
    if wanted == "auto" or not usable:
        usable.append(pytorch)
    chosen = min(usable, key=lambda backend: verdicts[backend.description].milliseconds)
    reason = _reason(chosen, verdicts)
    logger.info("The network runs in %s: %s.", chosen.description, reason)
    return replace(chosen, reason=reason)


def exported_backends(exports: Exports, batch: int, network: Network) -> list[Backend]:
    """All backends beside PyTorch that the network can be exported for.

    Args:
        exports: Exported networks of the detector.
        batch: Number of images that are predicted together.
        network: The network in PyTorch.
    """
    return list(_loaded(_candidates("auto", network.device.type), exports, batch, network))


def agreement(first: list[Shapes], second: list[Shapes]) -> tuple[float, int]:
    """Measure how far two predictions of the same images agree.

    Args:
        first: Shapes of each image with scores, including low ones.
        second: Shapes of the other prediction, in the same order of images.

    Returns:
        The share of clear boxes (scores of 0.25 and more, of both predictions) with a counterpart
        in the other prediction: a box of the same class with an intersection over union of at least
        0.75 and a score at most 0.15 away. And the number of clear boxes.
    """
    pairs = [*zip(first, second, strict=True), *zip(second, first, strict=True)]
    found = np.concatenate([_has_counterpart(one, other) for one, other in pairs])
    return float(found.mean()) if len(found) else 1.0, len(found)


def _has_counterpart(shapes: Shapes, others: Shapes) -> Any:
    clear = shapes.select(shapes.confidences >= _CLEAR_SCORE)
    alike = (
        (clear.overlaps(others) >= _COUNTERPART_IOU)
        & (np.abs(clear.confidences[:, None] - others.confidences) <= _SCORE_TOLERANCE)
        & clear.same_classes(others)
    )
    return alike.any(axis=1)


def _candidates(wanted: str, device: str) -> list[str]:
    """Names of the backends to try beside PyTorch."""
    possible = {"cpu": _ON_CPU, "cuda": _ON_GPU}.get(device, ())
    if wanted == "auto":
        return [name for name in possible if is_installed(name)]
    if wanted != "pytorch" and (wanted not in possible or not is_installed(wanted)):
        logger.warning("The backend %s cannot be had on %s: PyTorch is used.", wanted, device)
        return []
    return [] if wanted == "pytorch" else [wanted]


def _loaded(names: list[str], exports: Exports, batch: int, network: Network) -> Iterator[Backend]:
    """Yield the backends that the network could be exported for."""
    loaders = {
        "onnx": lambda: [onnx_backend(exports.onnx(), network)],
        # Where the processor's fastest precision is too coarse, the full one may do.
        "openvino": lambda: [
            openvino_backend(exports.onnx(), network, bits) for bits in (None, "f32")
        ],
        "tensorrt": lambda: [tensorrt_backend(exports.tensorrt(batch), network)],
    }
    for name in names:
        try:
            yield from loaders[name]()
        except Exception as error:  # whatever an exporter or a runtime may raise
            reason = str(error).strip().partition("\n")[0] or type(error).__name__
            logger.warning("The backend %s is passed over: %s", name, reason)


def _check(
    backends: list[Backend], wanted: str, exports: Exports, predict: Predict
) -> tuple[dict[str, Verdict], bool]:
    """Check each backend against the first, PyTorch, unless that was done before.

    Returns:
        The verdicts by description, and whether there were enough boxes to prove anything.
    """
    known = exports.verdicts(wanted)
    if all(backend.description in known for backend in backends):
        return known, True
    expected, milliseconds = _timed(backends[0], predict)
    verdicts = {backends[0].description: Verdict(milliseconds, 1.0)}
    clear = 0
    for backend in backends[1:]:
        found, milliseconds = _timed(backend, predict)
        share, clear = agreement(expected, found)
        verdicts[backend.description] = Verdict(milliseconds, share)
    is_proof = clear >= _ENOUGH_BOXES
    if is_proof:
        exports.keep(wanted, verdicts)
    return verdicts, is_proof


def _timed(backend: Backend, predict: Predict) -> tuple[list[Shapes], float]:
    """The boxes of a backend, and its milliseconds per image once it is warm."""
    times = []
    for _ in range(_ROUNDS):
        started = time.perf_counter()
        found = predict(backend)
        times.append(time.perf_counter() - started)
    return found, min(times) / len(found) * 1e3


def _is_proven(backend: Backend, losses: dict[str, float], is_proof: bool) -> bool:
    """Whether there is evidence enough to decide about a backend."""
    known = is_proof or backend.is_full_precision or backend.description in losses
    if not known:
        logger.warning(
            "%s is passed over: there are too few objects to tell whether it finds the same.",
            backend.description,
        )
    return known


def _agrees(backend: Backend, verdicts: dict[str, Verdict]) -> bool:
    share = verdicts[backend.description].agreement
    if share < LEAST_AGREEMENT:
        logger.warning(
            "%s is passed over: only %.1f %% of what it finds is the same as PyTorch's.",
            backend.description,
            100 * share,
        )
    return share >= LEAST_AGREEMENT


def _keeps_map50(backend: Backend, losses: dict[str, float]) -> bool:
    loss = losses.get(backend.description, 0.0)
    if loss > MOST_MAP50_LOST:
        logger.warning("%s is passed over: it loses %.3f of mAP50.", backend.description, loss)
    return loss <= MOST_MAP50_LOST


def _reason(chosen: Backend, verdicts: dict[str, Verdict]) -> str:
    """Milliseconds per window, and agreement with PyTorch, of each backend."""
    verdict = verdicts[chosen.description]
    others = ", ".join(
        f"{name} {known.milliseconds:.0f} ms with {100 * known.agreement:.1f}%"
        for name, known in verdicts.items()
        if name != chosen.description
    )
    same = f"{100 * verdict.agreement:.1f}% of what PyTorch finds"
    return f"{verdict.milliseconds:.0f} ms a window with {same}; {others}"
