"""A detector loaded onto a device, looking at pixels."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from utils.detection.backend_choice import choose_backend
from utils.detection.backends import Backend, pytorch_backend
from utils.detection.detector import Detector
from utils.detection.exports import Exports
from utils.detection.options import InferenceOptions
from utils.detection.test_time_augmentation import (
    enlarged,
    joined_looks,
    mirrored_boxes,
    mirrored_image,
)
from utils.detection.ultralytics.checkpoint import load_weights
from utils.detection.ultralytics.library import choose_device, quiet
from utils.geometry import Boxes
from utils.images.reader import Pixels
from utils.storage.store import ObjectStore

# Low enough to show what a backend, or a look, nearly finds.
_FAINT = 0.01


@dataclass(frozen=True, slots=True)
class Predictor:
    """A detector ready to look at images.

    Every image is padded to a square, so that what is found in it does not depend on the shapes of
    those that come with it.

    Attributes:
        ultralytics: Its predictor, for what comes before and after the network.
        backend: What the network runs in.
        class_names: In the order of its outputs.
        second: Looks at the mirrored images too, where it is wanted.
        least_score: Of a box that is kept after two looks.
        max_boxes: The most boxes kept in one image after two looks.
    """

    ultralytics: Any
    backend: Backend
    class_names: tuple[str, ...]
    second: Predictor | None = None
    least_score: float = 0.0
    max_boxes: int = 1000

    def find(self, images: Sequence[Pixels]) -> list[Boxes]:
        """The boxes, with scores, in each of some upright RGB images, in their pixels."""
        first = self._find(images)
        if self.second is None:
            return first
        again = self.second.find([mirrored_image(image) for image in images])
        return [
            joined_looks(
                boxes,
                mirrored_boxes(mirrored, image.shape[1]),
                least_score=self.least_score,
                max_boxes=self.max_boxes,
            )
            for image, boxes, mirrored in zip(images, first, again, strict=True)
        ]

    def _find(self, images: Sequence[Pixels]) -> list[Boxes]:
        """As `find`, in one look."""
        threads = self.backend.threads
        if threads is None:
            return self._look(images)
        if threads == 1:
            return [boxes for image in images for boxes in self._look([image])]
        with ThreadPoolExecutor(threads) as pool:
            return [boxes for (boxes,) in pool.map(self._look, [[image] for image in images])]

    def _look(self, images: Sequence[Pixels]) -> list[Boxes]:
        """Run one batch through the network."""
        import torch

        with torch.inference_mode():
            # Ultralytics' own way on turns the channels of the whole window round, and back again.
            squares = np.stack(self.ultralytics.pre_transform(images))
            network_input = torch.from_numpy(squares).to(self.ultralytics.device)
            network_input = network_input.permute(0, 3, 1, 2).contiguous().float().div_(255)
            raw = self.backend.forward(network_input)
            results = self.ultralytics.postprocess(raw, network_input, list(images))
        return [self._boxes(result) for result in results]

    def _boxes(self, result: Any) -> Boxes:
        boxes = result.boxes.cpu()
        labels = tuple(self.class_names[int(index)] for index in boxes.cls)
        return Boxes(boxes.xyxy.numpy(), labels, boxes.conf.numpy())


def load_predictor(
    detector: Detector,
    options: InferenceOptions,
    samples: Sequence[Pixels] = (),
    *,
    exports_in: ObjectStore | None = None,
) -> Predictor:
    """Load the best weights of a detector onto the device.

    Args:
        detector: Whose best weights look.
        options: How to look.
        samples: Windows of the scenes, to check and compare backends with; without any, PyTorch
            it is.
        exports_in: Kept with the detector, for its exported networks and what was found out about
            them; on this machine they are kept anyway.

    Raises:
        DetectorError: If the weights cannot be loaded.
    """
    image_size = options.imgsz or detector.image_size
    least_score = detector.least_score(options.confidence)
    if not options.augment:
        return _one_look(detector, options, image_size, least_score, samples, exports_in)
    # What a look is unsure of may become an object together with the other look.
    first, second = (
        _one_look(detector, options, side, min(least_score, _FAINT), samples, exports_in)
        for side in (image_size, enlarged(image_size))
    )
    return replace(first, second=second, least_score=least_score, max_boxes=options.max_boxes)


def _one_look(
    detector: Detector,
    options: InferenceOptions,
    image_size: int,
    least_score: float,
    samples: Sequence[Pixels],
    exports_in: ObjectStore | None,
) -> Predictor:
    """A predictor that looks once, at images of some size."""
    ultralytics = _ultralytics_predictor(detector, options, image_size)
    pytorch = Predictor(ultralytics, pytorch_backend(ultralytics), detector.class_names)
    backend = pytorch.backend
    if samples:

        def find(backend: Backend) -> list[Boxes]:
            return replace(pytorch, backend=backend).find(samples)

        ultralytics.args.conf = min(least_score, _FAINT)
        exports = Exports(detector, image_size, exports_in)
        backend = choose_backend(backend, options, exports, find, ultralytics.device)
    ultralytics.args.conf = least_score
    return replace(pytorch, backend=backend)


def _ultralytics_predictor(detector: Detector, options: InferenceOptions, image_size: int) -> Any:
    """Ultralytics' own predictor, set up by a first look at nothing."""
    model = load_weights(detector.best)
    nothing = np.zeros((image_size, image_size, 3), dtype=np.uint8)
    with quiet():
        model.predict(
            [nothing],
            imgsz=image_size,
            conf=detector.least_score(options.confidence),
            iou=options.iou,
            max_det=options.max_boxes,
            device=choose_device(options.device).split(",")[0],
            rect=False,
            verbose=False,
        )
    predictor = model.predictor
    predictor.batch = ([""] * max(options.batch, 1),)  # the paths, of which there are none
    return predictor
