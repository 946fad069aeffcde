"""Predict windows with a running service, as the pipelines do with a network on this machine."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from utils.detection.detector import Detector
from utils.detection.options import InferenceOptions
from utils.detection.predict import faint_score
from utils.detection.scan import LoadPredictor
from utils.errors import ServiceError
from utils.images.reader import Pixels
from utils.serving.client import Client
from utils.serving.objects import shapes_of
from utils.shapes.shapes import ShapeKind, Shapes

# Settings of a bundle that change what it finds in a window, by the same names as the options.
_OF_A_WINDOW = ("iou", "max_boxes", "outline_tolerance", "top_k")
# Enough to keep the workers of a service busy while windows are sent and answers read.
_AT_ONCE = 8
_SMALLEST_TILE = 32


@dataclass(frozen=True, slots=True)
class RemotePredictor:
    """A service that predicts windows.

    Attributes:
        client: Client of the service.
        kind: Kind of the shapes that it predicts.
        version: Version of the model that has to answer.
        confidence: Minimum score of a shape.
    """

    client: Client
    kind: ShapeKind
    version: str
    confidence: float

    @property
    def backend(self) -> str:
        """The runtime, for reports."""
        return f"version {self.version} in the service at {self.client.url}"

    def predict_with_features(self, images: Sequence[Pixels]) -> list[tuple[Shapes, None]]:
        """Predict shapes with scores, in pixels of each image; the service keeps the features.

        Args:
            images: Upright RGB images, uint8 of shape (height, width, 3).

        Raises:
            ServiceError: If the service refuses, or another version answers meanwhile.
        """
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            return [(shapes, None) for shapes in pool.map(self._predict, images)]

    def _predict(self, image: Pixels) -> Shapes:
        height, width = image.shape[:2]
        return self.ask(as_ppm(image), max(width, height))

    def ask(self, image: bytes, side: int) -> Shapes:
        """Predict an image in any format the service reads, as one window.

        Args:
            image: The file's content.
            side: Longest side of the image, in pixels.
        """
        answer = self.client.predict(
            image, confidence=self.confidence, tile_size=max(side, _SMALLEST_TILE)
        )
        if str(answer["version"]) != self.version:
            raise ServiceError(
                f"The service at {self.client.url} answered with version {answer['version']}, and "
                f"this run predicts with version {self.version}. Run it again, so that one version "
                "predicts everything."
            )
        return shapes_of(answer["objects"], self.kind)


def as_ppm(image: Pixels) -> bytes:
    """An RGB image, uint8 of shape (height, width, 3), as a binary PPM: nothing is lost."""
    height, width = image.shape[:2]
    return b"P6\n%d %d\n255\n" % (width, height) + image.tobytes()


def remote_loader(
    client: Client, detector: Detector, options: InferenceOptions, model_version: str
) -> LoadPredictor:
    """Connect to a service that predicts what the run would predict on this machine.

    Args:
        client: Client of the service.
        detector: Detector of the run.
        options: Options of the run.
        model_version: Version of the model of the run.

    Returns:
        What `predict_scenes` takes as `remote`.

    Raises:
        ServiceError: If the service does not answer, or has another detector or other settings.
    """
    _check_same(client.url, client.model(), detector, options, model_version)
    score = faint_score(detector, options)
    predictor = RemotePredictor(client, detector.kind, model_version, score)
    return lambda _: predictor


def _check_same(
    url: str, told: dict[str, Any], detector: Detector, options: InferenceOptions, version: str
) -> None:
    """Refuse a service that would find other objects than the run without it."""
    if (str(told["version"]), told.get("weights")) != (version, detector.weights_sha256):
        raise ServiceError(
            f"The service at {url} serves version {told['version']} of '{told['model']}', which is "
            f"not the detector of this run (version {version}). Deploy that one with: "
            "python run.py --deploy; or name its own address, from: python run.py --status"
        )
    settings = told["settings"]
    wished = {name: getattr(options, name) for name in _OF_A_WINDOW}
    served = {name: settings[name] for name in _OF_A_WINDOW}
    wished["imgsz"] = options.imgsz or detector.image_size
    served["imgsz"] = told["image_size"]
    # The run has to leave out whatever the service leaves out by itself.
    wished["skip_empty"] = options.skip_empty or not settings["skip_empty"]
    served["skip_empty"] = True
    wished["augment"], served["augment"] = options.augment, False
    for name, value in wished.items():
        if served[name] != value:
            raise ServiceError(
                f"The service at {url} predicts with {name} {served[name]}, and this run with "
                f"{value}. Give the run the same: --set inference.{name}={served[name]}"
            )
