"""A network of ultralytics for predicting, whatever its architecture, and its exports.

Ultralytics' own predictor does what depends on the architecture. A YOLO gets images padded to a
square and its boxes go through NMS; an RT-DETR gets images stretched to a square and needs no NMS,
since its decoder has chosen its candidates already. Only the call of the network itself is
Spyglass', so that any runtime can take its place.
"""

from __future__ import annotations

import os
import shutil
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from utils.detection.detector import Detector
from utils.detection.devices import first_device
from utils.detection.options import PredictorOptions
from utils.detection.ultralytics.checkpoint import load_weights
from utils.detection.ultralytics.library import quiet
from utils.images.reader import Pixels
from utils.shapes.shapes import Shapes


@dataclass(frozen=True, slots=True)
class Network:
    """The best weights of a detector on a device.

    Attributes:
        predictor: Predictor of ultralytics, set up for one image size.
        class_names: Class names in the order of the network's outputs.
    """

    predictor: Any
    class_names: tuple[str, ...]

    @property
    def device(self) -> Any:
        """Device of the network, as PyTorch names it."""
        return self.predictor.device

    def keep_from(self, score: float) -> None:
        """Set the minimum score of the boxes that `boxes` returns."""
        self.predictor.args.conf = score

    def prepare(self, images: Sequence[Pixels]) -> Any:
        """The network's input for upright RGB images: float32 in [0, 1], shape (n, 3, s, s)."""
        import torch

        # `preprocess` of ultralytics takes BGR: it would turn the channels round, and back again.
        squares = np.stack(self.predictor.pre_transform(images))
        network_input = torch.from_numpy(squares).to(self.device)
        return network_input.permute(0, 3, 1, 2).contiguous().float().div_(255)

    def forward(self, network_input: Any) -> Any:
        """Raw predictions, in PyTorch."""
        return self.predictor.model(network_input)

    def boxes(self, raw: Any, network_input: Any, images: Sequence[Pixels]) -> list[Shapes]:
        """The boxes, with scores, in pixels of each image, from raw predictions."""
        results = self.predictor.postprocess(raw, network_input, list(images))
        return [self._boxes(*each) for each in zip(results, images, strict=True)]

    def _boxes(self, result: Any, image: Pixels) -> Shapes:
        boxes = result.boxes.cpu()
        height, width = image.shape[:2]
        # Ultralytics clips the boxes of a YOLO to the image, but not those of an RT-DETR.
        xyxy = np.clip(boxes.xyxy.numpy(), 0, [width, height, width, height])
        labels = tuple(self.class_names[int(index)] for index in boxes.cls)
        return Shapes(xyxy, labels, boxes.conf.numpy())


def load_network(detector: Detector, options: PredictorOptions, image_size: int) -> Network:
    """Load the best weights of a detector onto the device that the options name.

    Raises:
        DetectorError: If the weights cannot be loaded.
    """
    model = load_weights(detector.best)
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
    return Network(predictor, detector.class_names)


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
        os.replace(made, to)
