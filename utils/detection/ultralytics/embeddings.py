"""Embeddings of tiles: vectors that are close if tiles are alike for a detector."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from utils.detection.detector import Detector
from utils.detection.devices import first_device
from utils.detection.ultralytics.checkpoint import load_weights
from utils.detection.ultralytics.library import quiet
from utils.detection.ultralytics.network import end_of_backbone
from utils.geometry import FloatArray
from utils.progress import progress

_BATCH = 16


def embed_images(detector: Detector, images: Sequence[Path], *, device: str = "auto") -> FloatArray:
    """Embed images: the last layer of the backbone, averaged over each image, less the mean.

    The mean over images is large, since all images share most features. Without it the vectors
    point in the direction in which an image differs.

    Args:
        detector: Detector whose best weights are used.
        images: Images as local files.
        device: Device as ultralytics takes it, or `auto`.

    Returns:
        Unit vectors, shape (n, channels): their scalar products are cosines. Vectors of different
        calls cannot be compared, since each call subtracts its own mean.

    Raises:
        DetectorError: If the weights cannot be loaded.
    """
    if not images:
        return np.zeros((0, 1))
    vectors = np.stack(list(_vectors(detector, images, device)))
    vectors -= vectors.mean(axis=0)
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(lengths, np.finfo(float).tiny))


def _vectors(detector: Detector, images: Sequence[Path], device: str) -> Iterator[FloatArray]:
    model = load_weights(detector.best)
    layer = end_of_backbone(model.model)
    where = first_device(device)
    with quiet(), progress("Embedding tiles", total=len(images)) as advance:
        for start in range(0, len(images), _BATCH):
            batch = [str(path) for path in images[start : start + _BATCH]]
            for vector in model.embed(
                batch, imgsz=detector.image_size, device=where, embed=[layer], verbose=False
            ):
                yield vector.cpu().numpy().astype(np.float64)
            advance(len(batch))
