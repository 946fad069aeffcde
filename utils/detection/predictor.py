"""A detector loaded onto a device, looking at pixels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from utils.detection.backend import choose_device, quiet
from utils.detection.checkpoint import load_weights
from utils.detection.detector import Detector
from utils.detection.merge import merge_windows
from utils.detection.options import InferenceOptions
from utils.geometry import Boxes, Window
from utils.tiling.reader import Pixels, image_size, read_windows


@dataclass(frozen=True, slots=True)
class Predictor:
    """A detector ready to look at images.

    Attributes:
        model: The ultralytics model.
        class_names: In the order of its outputs.
        arguments: How it is called.
        options: How it looks through a scene.
    """

    model: Any
    class_names: tuple[str, ...]
    arguments: dict[str, Any]
    options: InferenceOptions

    def find(self, images: Sequence[Pixels]) -> list[Boxes]:
        """The boxes, with scores, in each of some upright RGB images, in their pixels."""
        # Ultralytics expects the channels of an array in OpenCV's order, blue first.
        blue_first = [np.ascontiguousarray(image[..., ::-1]) for image in images]
        with quiet():
            results = self.model.predict(blue_first, **self.arguments)
        return [self._boxes(result) for result in results]

    def find_in_scene(self, path: Path) -> tuple[Boxes, int, int]:
        """The objects in an image of any size, with its width and height in pixels.

        The image is streamed through overlapping windows, from top to bottom.

        Raises:
            ImageError: If the image cannot be read.
        """
        options = self.options
        width, height = image_size(path, options.pixels)
        windows = read_windows(
            path, tile_size=options.tile_size, overlap=options.overlap, pixels=options.pixels
        )
        found: list[tuple[Window, Boxes]] = []
        for batch in _batches(windows, options.batch):
            boxes = self.find([pixels for _, pixels in batch])
            found += [
                (window, inside.shifted(window.x, window.y))
                for (window, _), inside in zip(batch, boxes, strict=True)
            ]
        return merge_windows(found, width, height, merge_iou=options.merge_iou), width, height

    def _boxes(self, result: Any) -> Boxes:
        boxes = result.boxes.cpu()
        labels = tuple(self.class_names[int(index)] for index in boxes.cls)
        return Boxes(boxes.xyxy.numpy(), labels, boxes.conf.numpy())


def load_predictor(detector: Detector, options: InferenceOptions) -> Predictor:
    """Load the best weights of a detector onto the device.

    Raises:
        DetectorError: If the weights cannot be loaded.
    """
    arguments = {
        "imgsz": options.imgsz or detector.image_size,
        "conf": options.confidence,
        "iou": options.iou,
        "max_det": options.max_boxes,
        "batch": options.batch,
        "device": choose_device(options.device).split(",")[0],
        "verbose": False,
    }
    return Predictor(load_weights(detector.best), detector.class_names, arguments, options)


def _batches(
    windows: Iterator[tuple[Window, Pixels]], size: int
) -> Iterator[list[tuple[Window, Pixels]]]:
    while batch := list(islice(windows, size)):
        yield batch
