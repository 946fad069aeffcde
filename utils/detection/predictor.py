"""A detector that is loaded onto a device and predicts boxes from pixels."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from utils.detection.backend_choice import choose_backend
from utils.detection.backends import Backend, pytorch_backend
from utils.detection.detector import Detector
from utils.detection.exported_detector import exported_backend
from utils.detection.exports import Exports
from utils.detection.onnx.network import Features, OnnxNetwork
from utils.detection.options import PredictorOptions
from utils.detection.test_time_augmentation import (
    enlarged,
    merge_augmented,
    mirrored_image,
)
from utils.detection.ultralytics.network import Network, load_network
from utils.images.reader import Pixels
from utils.shapes.shapes import Shapes
from utils.storage.store import ObjectStore

# Low enough to include boxes that a backend, or a prediction without augmentation, nearly finds.
_FAINT = 0.01


@dataclass(frozen=True, slots=True)
class Predictor:
    """A detector ready to predict.

    Every image becomes a square input of the network, so that its boxes do not depend on the shapes
    of the other images of a batch.

    Attributes:
        backend: The network in its runtime.
        augmented: Predictor of the mirrored and enlarged images (test-time augmentation), or None.
        least_score: Minimum score of a box after test-time augmentation.
        max_boxes: Maximum number of boxes, or of classes, per image after test-time augmentation.
    """

    backend: Backend
    augmented: Predictor | None = None
    least_score: float = 0.0
    max_boxes: int = 1000

    @property
    def network(self) -> Network | OnnxNetwork:
        """The network."""
        return self.backend.network

    def predict(self, images: Sequence[Pixels]) -> list[Shapes]:
        """Predict boxes, with scores, in pixels of each image.

        Args:
            images: Upright RGB images, uint8 of shape (height, width, 3).
        """
        return [shapes for shapes, _ in self.predict_with_features(images)]

    def predict_with_features(
        self, images: Sequence[Pixels]
    ) -> list[tuple[Shapes, Features | None]]:
        """Predict as `predict` does, and tell the features of each image, shape (channels,).

        They are those of the image as it is; None where the network tells none.
        """
        plain = self._predict(images)
        if self.augmented is None:
            return plain
        mirrored = self.augmented.predict([mirrored_image(image) for image in images])
        return [
            (self._merged(boxes, others.mirrored(image.shape[1])), features)
            for image, (boxes, features), others in zip(images, plain, mirrored, strict=True)
        ]

    def _merged(self, shapes: Shapes, others: Shapes) -> Shapes:
        return merge_augmented(
            shapes, others, least_score=self.least_score, max_boxes=self.max_boxes
        )

    def _predict(self, images: Sequence[Pixels]) -> list[tuple[Shapes, Features | None]]:
        """Predict without test-time augmentation."""
        predict, threads = self.network.predict_with_features, self.backend.threads
        if threads is None:
            return predict(images)
        if threads == 1:
            return [found for image in images for found in predict([image])]
        with ThreadPoolExecutor(threads) as pool:
            batches = pool.map(predict, [[image] for image in images])
            return [found for (found,) in batches]


def load_predictor(
    detector: Detector,
    options: PredictorOptions,
    samples: Sequence[Pixels] = (),
    *,
    backend: str = "auto",
    exports_in: ObjectStore | None = None,
) -> Predictor:
    """Load the best weights of a detector onto the device.

    Args:
        detector: The detector.
        options: Options of the predictions.
        samples: Windows of the scenes, to check and compare backends with; without any, the backend
            is PyTorch.
        backend: Backend as in `InferenceOptions.backend`.
        exports_in: Store for exported networks and their checks, kept with the detector; this
            machine keeps a copy anyway.

    Raises:
        DetectorError: If the weights cannot be loaded.
    """
    if detector.is_exported:
        return Predictor(exported_backend(detector, options, backend))
    image_size = options.imgsz or detector.image_size
    least_score = detector.least_score(options.confidence)

    def load(side: int, score: float) -> Predictor:
        network = load_network(detector, options, side)
        chosen = pytorch_backend(network)
        if samples:
            exports = Exports(detector, side, exports_in)
            chosen = _fastest_backend(network, options.batch, score, samples, backend, exports)
        chosen.network.keep_from(score)
        return Predictor(chosen)

    if not options.augment:
        return load(image_size, least_score)
    # A box with a low score may be kept if the other prediction confirms it.
    plain, augmented = (
        load(side, min(least_score, _FAINT)) for side in (image_size, enlarged(image_size))
    )
    is_classifier = not detector.kind.has_places
    most = options.top_k if is_classifier else options.max_boxes
    return replace(plain, augmented=augmented, least_score=least_score, max_boxes=most)


def _fastest_backend(
    network: Network,
    batch: int,
    least_score: float,
    samples: Sequence[Pixels],
    wanted: str,
    exports: Exports,
) -> Backend:
    """The backend to use, of those that find in the samples what PyTorch finds."""

    def predict(backend: Backend) -> list[Shapes]:
        return Predictor(backend).predict(samples)

    # Shapes of low scores count as counterparts of clear ones.
    network.keep_from(min(least_score, _FAINT))
    return choose_backend(network, wanted, batch, exports, predict)
