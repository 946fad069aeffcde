"""The shapes of one image in memory, window by window, as `--inference` finds them in a scene."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

import numpy as np

from utils.detection.detector import FAINT_SHARE
from utils.detection.empty_water import contrast
from utils.detection.merge import merge_certain
from utils.detection.onnx.letterbox import Pixels
from utils.detection.onnx.network import OnnxNetwork
from utils.detection.whole_scene import reduced
from utils.geometry import Window
from utils.serving.bundle import Bundle, BundleSettings
from utils.shapes.grid import tile_windows
from utils.shapes.shapes import ShapeKind, Shapes

_NO_SHAPES = Shapes(scores=np.zeros(0))


class PredictsImages(Protocol):
    """A network of any runtime."""

    @property
    def kind(self) -> ShapeKind:
        """Kind of the shapes that it predicts."""

    def predict(self, images: Sequence[Pixels]) -> list[Shapes]:
        """Predict shapes, with scores, in pixels of each upright RGB image."""


def network_of(bundle: Bundle, threads: int = 1) -> OnnxNetwork:
    """Load the network of a bundle for `predict_image` and `predict_window`.

    It keeps boxes of down to half of the minimum score, as an inference does, so that both have the
    same candidates.

    Args:
        bundle: The bundle.
        threads: Number of threads that compute one image.
    """
    return bundle.load_network(bundle.settings.confidence * FAINT_SHARE, threads)


def predict_image(
    network: PredictsImages,
    image: Pixels,
    settings: BundleSettings,
    confidence: float | None = None,
) -> Shapes:
    """Predict an upright RGB image of shape (height, width, 3).

    Args:
        network: Network from `network_of`.
        image: The pixels, uint8.
        settings: Settings of the bundle.
        confidence: Minimum score of a shape that is kept, by default that of the settings.

    Returns:
        Shapes with scores, in pixels of the image, by falling score.
    """
    least = settings.confidence if confidence is None else confidence
    if isinstance(network, OnnxNetwork) and least < network.settings.confidence:
        network = replace(network, settings=replace(network.settings, confidence=least))
    height, width = image.shape[:2]
    if not network.kind.has_places and settings.classify == "scene":
        whole = Window(x=0, y=0, width=width, height=height)
        settings = replace(settings, skip_empty=False)  # it is asked for this image
        windows = [(whole, predict_window(network, reduced(image), whole, settings))]
    else:
        windows = [
            (window, predict_window(network, image[window.rows, window.columns], window, settings))
            for window in tile_windows(width, height, settings.tile_size, settings.overlap)
        ]
    found, _ = merge_certain(windows, least, width, height, merge_iou=settings.merge_iou)
    return found


def predict_window(
    network: PredictsImages, pixels: Pixels, window: Window, settings: BundleSettings
) -> Shapes:
    """Predict one window of a scene.

    Args:
        network: Network from `network_of`.
        pixels: Pixels of the window, uint8 of shape (rows, columns, 3); fewer than the window has
            where a whole scene was reduced.
        window: Place of the window in the scene.
        settings: Settings of the bundle.

    Returns:
        Shapes with scores, in pixels of the scene; none for empty water that is to be skipped.
    """
    if settings.skip_empty and contrast(pixels) < settings.empty_contrast:
        return _NO_SHAPES
    (shapes,) = network.predict([pixels])
    height, width = pixels.shape[:2]
    if (width, height) != (window.width, window.height):
        shapes = shapes.scaled(window.width / width, window.height / height)
    return shapes.shifted(window.x, window.y)
