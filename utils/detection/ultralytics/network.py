"""A network of ultralytics for predicting, whatever its architecture, and its exports.

Ultralytics' own predictor does what depends on the architecture and the task. A YOLO gets images
padded to a square and its boxes go through NMS, oriented ones by their true overlap; an RT-DETR
gets images stretched to a square and needs no NMS, since its decoder has chosen its candidates
already. Only the call of the network itself is Spyglass', so that any runtime can take its place,
and the decoding of masks, each within its own box.
"""

from __future__ import annotations

import os
import shutil
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from utils.detection.detector import Detector
from utils.detection.devices import first_device
from utils.detection.onnx.features import add_features
from utils.detection.onnx.heads import NetworkSettings
from utils.detection.onnx.network import Features
from utils.detection.onnx.shapes import (
    class_shapes,
    labels_of,
    masked_shapes,
    oriented_shapes,
)
from utils.detection.options import PredictorOptions
from utils.detection.ultralytics.checkpoint import load_model, load_weights
from utils.detection.ultralytics.library import quiet
from utils.detection.ultralytics.weights_files import Checkpoint
from utils.geometry import FloatArray
from utils.images.reader import Pixels
from utils.shapes.shapes import ShapeKind, Shapes


@dataclass(frozen=True, slots=True)
class Network:
    """The best weights of a detector on a device.

    Attributes:
        predictor: Predictor of ultralytics, set up for one image size.
        class_names: Class names in the order of the network's outputs.
        kind: Kind of the shapes that it predicts.
        tolerance: Distance by which an outline may be simplified, in pixels of the image.
        top_k: Maximum number of classes of a whole image.
        engine: The same network in another runtime, or None to run it in PyTorch.
    """

    predictor: Any
    class_names: tuple[str, ...]
    kind: ShapeKind = ShapeKind.DETECT
    tolerance: float = 0.5
    top_k: int = 5
    engine: Callable[[Any], Any] | None = None

    @property
    def settings(self) -> NetworkSettings:
        """The settings of the postprocessing."""
        chosen = self.predictor.args
        return NetworkSettings(chosen.conf, chosen.iou, chosen.max_det, self.tolerance, self.top_k)

    @property
    def device(self) -> Any:
        """Device of the network, as PyTorch names it."""
        return self.predictor.device

    def keep_from(self, score: float) -> None:
        """Set the minimum score of the shapes that `shapes` returns; classes keep theirs."""
        self.predictor.args.conf = score

    def prepare(self, images: Sequence[Pixels]) -> Any:
        """The network's input for upright RGB images: float32, shape (n, 3, s, s).

        Values are in [0, 1]; for classes of whole images they are normalised as in training.
        """
        import torch

        if not self.kind.has_places:
            # Its transforms take BGR and show the middle square of an image, as in validation.
            return self.predictor.preprocess([image[..., ::-1] for image in images])
        # `preprocess` of ultralytics takes BGR: it would turn the channels round, and back again.
        squares = np.stack(self.predictor.pre_transform(images))
        network_input = torch.from_numpy(squares).to(self.device)
        return network_input.permute(0, 3, 1, 2).contiguous().float().div_(255)

    def forward(self, network_input: Any) -> Any:
        """Raw predictions, from PyTorch or the other runtime."""
        return (self.engine or self.predictor.model)(network_input)

    def predict(self, images: Sequence[Pixels]) -> list[Shapes]:
        """Predict shapes, with scores, in pixels of each upright RGB image."""
        return [shapes for shapes, _ in self.predict_with_features(images)]

    def predict_with_features(
        self, images: Sequence[Pixels]
    ) -> list[tuple[Shapes, Features | None]]:
        """Predict upright RGB images, and tell the features of each, shape (channels,).

        They are those that the exported network tells; an engine of TensorRT tells none.
        """
        import torch

        with torch.inference_mode():
            network_input = self.prepare(images)
            with self._features() as told:
                raw = self.forward(network_input)
            shapes = self.shapes(raw, network_input, images)
        features = told[-1].float().cpu().numpy() if told else [None] * len(images)
        return list(zip(shapes, features, strict=True))

    @contextmanager
    def _features(self) -> Iterator[list[Any]]:
        """Receive the mean of each channel of the backbone's last layer, shape (n, channels)."""
        told: list[Any] = []
        network = getattr(self.predictor.model, "model", None)
        if self.engine is not None or network is None:
            yield told
            return

        def tell(_: Any, __: Any, made: Any) -> None:
            told.append(made.mean((2, 3)))

        hook = network.model[end_of_backbone(network)].register_forward_hook(tell)
        try:
            yield told
        finally:
            hook.remove()

    def shapes(self, raw: Any, network_input: Any, images: Sequence[Pixels]) -> list[Shapes]:
        """The shapes, with scores, in pixels of each image, from raw predictions."""
        results = self.predictor.postprocess(raw, network_input, list(images))
        read = {
            ShapeKind.DETECT: self._boxes,
            ShapeKind.OBB: self._oriented_boxes,
            ShapeKind.SEGMENT: self._polygons,
            ShapeKind.CLASSIFY: self._classes,
        }[self.kind]
        return [read(*each) for each in zip(results, images, strict=True)]

    def _boxes(self, result: Any, image: Pixels) -> Shapes:
        boxes = result.boxes.cpu()
        height, width = image.shape[:2]
        # Ultralytics clips the boxes of a YOLO to the image, but not those of an RT-DETR.
        xyxy = np.clip(boxes.xyxy.numpy(), 0, [width, height, width, height])
        return Shapes(xyxy, self._labels(boxes.cls), boxes.conf.numpy())

    def _oriented_boxes(self, result: Any, _: Pixels) -> Shapes:
        found = result.obb.cpu()
        return oriented_shapes(found.xywhr.numpy(), self._labels(found.cls), found.conf.numpy())

    def _polygons(self, found: MaskedBoxes, image: Pixels) -> Shapes:
        height, width = image.shape[:2]
        labels = self._labels(found.classes)
        masks = found.coefficients, found.prototypes
        size = (width, height)
        return masked_shapes(
            found.xyxy, labels, found.scores, *masks, size, found.side, self.tolerance
        )

    def _classes(self, result: Any, image: Pixels) -> Shapes:
        height, width = image.shape[:2]
        scores = result.probs.data.cpu().numpy()
        return class_shapes(scores, self.class_names, (width, height), self.top_k)

    def _labels(self, indices: ArrayLike) -> tuple[str, ...]:
        return labels_of(indices, self.class_names)


@dataclass(frozen=True, slots=True)
class MaskedBoxes:
    """The boxes of one image with the coefficients of their masks.

    Attributes:
        xyxy: Boxes in pixels of the image, shape (n, 4).
        scores: Scores, shape (n,).
        classes: Indices of the classes, shape (n,).
        coefficients: Coefficients of each mask, float32 of shape (n, c).
        prototypes: Masks that they combine, float32 of shape (c, h, w).
        side: Side of the network's input, in pixels.
    """

    xyxy: FloatArray
    scores: NDArray[np.float32]
    classes: NDArray[Any]
    coefficients: NDArray[np.float32]
    prototypes: NDArray[np.float32]
    side: int


def _masked_boxes(preds: Any, network_input: Any, images: Sequence[Pixels], protos: Any) -> Any:
    """Take the place of ultralytics' `construct_results`, which makes masks of whole images."""
    from ultralytics.utils.ops import scale_boxes

    side = network_input.shape[2]
    for found, image, own in zip(preds, images, protos, strict=True):
        xyxy = scale_boxes(network_input.shape[2:], found[:, :4].clone(), image.shape)
        rows = found.float().cpu().numpy()
        yield MaskedBoxes(
            xyxy=xyxy.cpu().numpy().astype(np.float64),
            scores=rows[:, 4],
            classes=rows[:, 5],
            coefficients=rows[:, 6:],
            prototypes=own.float().cpu().numpy(),
            side=int(side),
        )


def load_network(detector: Detector, options: PredictorOptions, image_size: int) -> Network:
    """Load the best weights of a detector onto the device that the options name.

    Raises:
        DetectorError: If the weights cannot be loaded, or are of another task than the detector.
    """
    model = load_model(Checkpoint(str(detector.best), identity=""), detector.kind)
    blank = np.zeros((image_size, image_size, 3), dtype=np.uint8)
    with quiet():
        # Ultralytics sets its predictor up at the first prediction.
        model.predict(
            [blank],
            imgsz=image_size,
            iou=options.iou,
            max_det=options.max_boxes,
            device=first_device(options.device),
            rect=False,
            verbose=False,
        )
    predictor = model.predictor
    # The predictor pairs images with their paths, and pixels in memory have none.
    predictor.batch = ([""] * max(options.batch, 1),)
    if detector.kind.has_outlines and not detector.kind.is_oriented:
        predictor.construct_results = _masked_boxes
    # Both predictions of test-time augmentation need all classes: their scores are averaged.
    top_k = len(detector.class_names) if options.augment else options.top_k
    return Network(predictor, detector.class_names, detector.kind, options.outline_tolerance, top_k)


def load_engine(path: Path, device: Any) -> Any:
    """An exported TensorRT engine, to be called like the network itself."""
    from ultralytics.nn.autobackend import AutoBackend

    return AutoBackend(str(path), device=device, verbose=False)


def export_network(
    weights: Path, kind: str, image_size: int, to: Path, **arguments: object
) -> None:
    """Export a network to a file of another runtime, whole or not at all.

    Args:
        weights: Weights of the network.
        kind: Format as ultralytics names it: `onnx` or `engine`.
        image_size: Side of the network's input, in pixels.
        to: File to write; its folder exists.
        arguments: Other arguments of ultralytics' export, such as `batch`.
    """
    # Ultralytics writes the export beside the weights, so it gets a copy of them.
    with TemporaryDirectory(dir=to.parent) as folder, quiet(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # from tracing; each export is checked before it is used
        model = load_weights(Path(shutil.copy(weights, folder)))
        made = model.export(format=kind, imgsz=image_size, simplify=False, **arguments)
        if kind == "onnx":
            _tell_features(Path(made), end_of_backbone(model.model))
        os.replace(made, to)


def end_of_backbone(network: Any) -> int:
    """The index of the last layer of the backbone, from the architecture's own description."""
    return len(network.yaml["backbone"]) - 1


def _tell_features(exported: Path, layer: int) -> None:
    import onnx

    model = onnx.load(exported)
    if add_features(model, layer):
        onnx.save(model, exported)
