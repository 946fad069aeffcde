"""A network in ONNX Runtime that predicts shapes from pixels, without PyTorch or OpenCV.

The pipelines predict with this class when they use the backend `onnx`, and so does the service:
both find the same boxes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from utils.detection.onnx.heads import Head, NetworkSettings, found_in
from utils.detection.onnx.letterbox import Pixels, letterboxed, resized
from utils.detection.onnx.middle_square import middle_square
from utils.detection.onnx.shapes import (
    class_shapes,
    labels_of,
    masked_shapes,
    oriented_shapes,
)
from utils.shapes.shapes import ShapeKind, Shapes

# Maps one image, float32 of shape (1, 3, s, s) in [0, 1], to the outputs of the network.
Forward = Callable[[NDArray[np.float32]], list[Any]]
_DEFAULTS = NetworkSettings()
Features = NDArray[np.float32]
# Name of the last output of a network that also tells its features.
FEATURES = "features"


@dataclass(slots=True)
class OnnxNetwork:
    """An exported network for one image at a time; several threads may use it together.

    Attributes:
        forward: Maps an input, float32 of shape (1, 3, s, s), to the outputs of the network.
        image_size: Side of the input, in pixels.
        class_names: Class names in the order of the outputs.
        kind: Kind of the shapes that it predicts.
        head: Form of its outputs.
        settings: Settings of the postprocessing.
        has_features: Whether the last output holds features: the last layer of the backbone,
            averaged over the image, float32 of shape (1, channels, 1, 1).
    """

    forward: Forward
    image_size: int
    class_names: tuple[str, ...]
    kind: ShapeKind
    head: Head
    settings: NetworkSettings = _DEFAULTS
    has_features: bool = False

    @classmethod
    def load(
        cls,
        path: Path,
        class_names: Sequence[str],
        kind: ShapeKind,
        head: Head,
        settings: NetworkSettings = _DEFAULTS,
        threads: int = 1,
    ) -> Self:
        """Load a network onto the CPU.

        Args:
            path: An ONNX file for one image at a time that names no other file.
            class_names: Class names in the order of the outputs.
            kind: Kind of the shapes that it predicts.
            head: Form of its outputs.
            settings: Settings of the postprocessing.
            threads: Number of threads that compute one image.
        """
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        # Threads that wait in a loop take the cores of other sessions and processes.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        (entrance,) = session.get_inputs()

        def forward(image: NDArray[np.float32]) -> list[Any]:
            return list(session.run(None, {entrance.name: image}))

        side = int(entrance.shape[-1])
        has_features = session.get_outputs()[-1].name == FEATURES
        names = tuple(class_names)
        return cls(forward, side, names, ShapeKind(kind), head, settings, has_features)

    def keep_from(self, score: float) -> None:
        """Set the minimum score of the shapes that are kept; classes of images keep theirs."""
        self.settings = replace(self.settings, confidence=score)

    def prepare(self, images: Sequence[Pixels]) -> NDArray[np.float32]:
        """The input for upright RGB images, float32 of shape (n, 3, s, s) in [0, 1]."""
        squares = np.stack([self._square(image) for image in images])
        network_input = np.ascontiguousarray(squares.transpose(0, 3, 1, 2), dtype=np.float32)
        network_input /= np.float32(255)
        return network_input

    def predict(self, images: Sequence[Pixels]) -> list[Shapes]:
        """Predict shapes, with scores, in pixels of each upright RGB image."""
        return [shapes for shapes, _ in self.predict_with_features(images)]

    def predict_with_features(
        self, images: Sequence[Pixels]
    ) -> list[tuple[Shapes, Features | None]]:
        """Predict upright RGB images, and tell the features of each, shape (channels,)."""
        return [self._predict_with_features(image) for image in images]

    def _predict_with_features(self, image: Pixels) -> tuple[Shapes, Features | None]:
        outputs = self.forward(self.prepare([image]))
        features = np.asarray(outputs[-1], dtype=np.float32).ravel() if self.has_features else None
        return self.shapes(outputs, image), features

    def shapes(self, outputs: Sequence[Any], image: Pixels) -> Shapes:
        """The shapes, with scores, in pixels of an image from the outputs of the network."""
        height, width = image.shape[:2]
        size, output = (width, height), np.asarray(outputs[0])[0]
        if self.head == Head.CLASSES:
            return class_shapes(output, self.class_names, size, self.settings.top_k)
        found = found_in(
            output,
            *(self.head, self.kind, len(self.class_names)),
            *(size, self.image_size, self.settings),
        )
        labels = labels_of(found.classes, self.class_names)
        if self.kind.is_oriented:
            turned = np.hstack([found.boxes, found.extras])
            return oriented_shapes(turned, labels, found.scores)
        boxes = np.clip(found.boxes.astype(np.float64), 0, [*size, *size])
        if not self.kind.has_outlines:
            return Shapes(boxes, labels, found.scores.astype(np.float64))
        masks = found.extras, np.asarray(outputs[1])[0]
        tolerance = self.settings.outline_tolerance
        return masked_shapes(boxes, labels, found.scores, *masks, size, self.image_size, tolerance)

    def _square(self, image: Pixels) -> Pixels:
        if self.head == Head.CLASSES:
            return middle_square(image, self.image_size)
        if self.head == Head.RTDETR:
            return resized(image, self.image_size, self.image_size)
        return letterboxed(image, self.image_size)
