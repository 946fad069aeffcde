"""Scan scenes: predict them window by window, in batches that reach across scenes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from typing import Protocol, Self

import numpy as np

from utils.detection.empty_water import contrast
from utils.detection.onnx.network import Features
from utils.detection.options import InferenceOptions
from utils.detection.scale import WindowPlan
from utils.detection.whole_scene import read_whole
from utils.detection.window_checkpoints import PredictionCache, ScannedWindow, WindowCheckpoints
from utils.errors import ImageError
from utils.geometry import Window
from utils.images.damage import DamageSigns
from utils.images.files import image_sha256
from utils.images.measures import measures_of
from utils.images.reader import Pixels, image_size, read_windows
from utils.issues import Issue
from utils.prefetch import prefetch
from utils.progress import Advance, progress
from utils.scenes.coverage import COVERED, Coverage, StateArray, coverage_of
from utils.scenes.noted import damage_issues, image_issues
from utils.scenes.scene import Scene
from utils.shapes.grid import Grid
from utils.shapes.shapes import Shapes
from utils.tiling.tile import scene_key

_NAME_LENGTH = 16
# Scenes of more windows get a progress bar of their own.
_LARGE_SCENE_WINDOWS = 100
_NO_BOXES = Shapes(scores=np.zeros(0))
_NO_PLAN = WindowPlan(1, 0)


class WindowPredictor(Protocol):
    """Predicts windows, on this machine or elsewhere."""

    @property
    def backend(self) -> object:
        """The runtime of the network, as text."""

    def predict_with_features(
        self, images: Sequence[Pixels]
    ) -> Sequence[tuple[Shapes, Features | None]]:
        """Predict shapes with scores, in pixels of each image, uint8 of (height, width, 3).

        With the features of each image, shape (channels,); None where the network tells none.
        """


OutlierScore = Callable[[Features], float]
LoadPredictor = Callable[[Sequence[Pixels]], WindowPredictor]
PlanWindows = Callable[[Scene, int, int], WindowPlan]


@dataclass(slots=True)
class SceneScan:
    """A scene while it is scanned, and after.

    Attributes:
        scene: The scene.
        key: Name of its file in the cache; empty until the image was read.
        is_kept: Whether an earlier run has finished it.
        width: Width in pixels.
        height: Height in pixels.
        grid: Windows of the scene, once they are known.
        checkpoints: Windows scanned so far, with boxes in scene coordinates; None if none is
            scanned.
        fault: Reason why the image cannot be read, or None.
        noted: Issues of the image that a person should know.
        advance: Advances its own progress bar, if it has one.
        backend: Backend of the network and why it was chosen; empty if nothing was predicted.
        plan: Plan of its windows.
        coverage: Parts of the scene to scan, once its image was read.
        states: State of each window, as in `Coverage`.
    """

    scene: Scene
    key: str = ""
    is_kept: bool = False
    width: int = 0
    height: int = 0
    grid: Grid | None = None
    checkpoints: WindowCheckpoints | None = None
    fault: ImageError | None = None
    noted: list[Issue] = field(default_factory=list)
    advance: Advance | None = None
    backend: str = ""
    plan: WindowPlan = _NO_PLAN
    coverage: Coverage | None = None
    states: StateArray = field(default_factory=lambda: np.zeros(0, dtype=np.uint8))


@dataclass(frozen=True, slots=True)
class _Queued:
    """A window of a scene or, without one, the end of the scene.

    A window without pixels needs no prediction: it is empty water, has no data, or lies outside the
    regions.
    """

    scan: SceneScan
    window: Window | None = None
    pixels: Pixels | None = None


@dataclass(frozen=True, slots=True)
class _Predicted:
    """The shapes in a window's pixels, and their outlier score."""

    shapes: Shapes
    outlier: float | None

    @classmethod
    def of(cls, shapes: Shapes, features: Features | None, score: OutlierScore | None) -> Self:
        return cls(shapes, None if features is None or score is None else score(features))


def scan_scenes(
    scenes: Iterable[Scene],
    cache: PredictionCache,
    options: InferenceOptions,
    load: LoadPredictor,
    plan: PlanWindows,
    outlier_score: OutlierScore | None = None,
) -> Iterator[SceneScan]:
    """Predict all windows of some scenes that no earlier run has predicted.

    Windows are prefetched while the device works, and a batch that is not full at the end of a
    scene takes windows of the next one.

    Args:
        scenes: Scenes, read once, as a stream, in a thread of its own.
        cache: Files of earlier runs.
        options: Options of the inference.
        load: Makes the predictor from the first windows; not called if there are none.
        plan: Plans the windows of a scene of some width and height in pixels.
        outlier_score: Scores the features of a window, or None.

    Yields:
        The scenes, in order, each when all its windows are done.
    """
    queue = (queued for scene in scenes for queued in _queue(scene, cache, options, plan))
    predictor: WindowPredictor | None = None
    with ExitStack() as bar, closing(prefetch(queue, options.batch)) as ahead:
        started = time.monotonic()
        for batch in _batches(ahead, options.batch):
            images = [queued.pixels for queued in batch if queued.pixels is not None]
            if images and predictor is None:
                predictor = load(images)
                started = time.monotonic()
            found = predictor.predict_with_features(images) if images and predictor else []
            predicted = [_Predicted.of(*one, outlier_score) for one in found]
            ended = time.monotonic()
            # Windows without a prediction count too: to read them takes time.
            done = sum(queued.window is not None for queued in batch)
            for scan in _collect(batch, predicted, (ended - started) / max(done, 1), bar):
                scan.backend = str(predictor.backend) if predictor else ""
                yield scan
            started = ended


def _queue(
    scene: Scene, cache: PredictionCache, options: InferenceOptions, plan: PlanWindows
) -> Iterator[_Queued]:
    """Yield the windows of a scene that are not done yet, and then its end."""
    scan = SceneScan(scene)
    try:
        digest = image_sha256(scene.path)[:_NAME_LENGTH]
        scan.width, scan.height = image_size(scene.path, options.pixels)
        scan.noted += image_issues(scene, options.pixels)
        scan.plan = plan(scene, scan.width, scan.height)
        # A file beside the image may give it another place, and so another resolution.
        scan.coverage = coverage_of(scene, scan.width, scan.height, options.pixels)
        scan.noted += scan.coverage.issues
        parts = [scene_key(scene.id), digest, str(scan.plan.tile_size), scan.coverage.identity]
        scan.key = f"{'-'.join(filter(None, parts))}.parquet"
        scan.is_kept = scan.key in cache
        if not scan.is_kept:
            damage = DamageSigns()
            for window, pixels in _windows(scan, scan.coverage, cache, options, damage):
                yield _Queued(scan, window, pixels)
            scan.noted += damage_issues(scene, damage, options.pixels)
    except ImageError as fault:
        scan.fault = fault
    yield _Queued(scan)


def _is_empty(pixels: Pixels, options: InferenceOptions) -> bool:
    return options.skip_empty and contrast(pixels) < options.empty_contrast


def _windows(
    scan: SceneScan,
    coverage: Coverage,
    cache: PredictionCache,
    options: InferenceOptions,
    damage: DamageSigns,
) -> Iterator[tuple[Window, Pixels | None]]:
    """Yield the windows of a scene that are not done yet, with pixels where they are predicted."""
    plan = scan.plan
    scan.grid = Grid.over(scan.width, scan.height, plan.tile_size, plan.overlap)
    scan.states = coverage.windows(scan.grid.columns, scan.grid.rows)
    if not (scan.states == COVERED).any():
        return
    scan.checkpoints = WindowCheckpoints(cache, scan.key.removesuffix(".parquet"), scan.grid)
    if plan.is_whole_scene:
        whole = Window(x=0, y=0, width=scan.width, height=scan.height)
        path, size = scan.scene.path, (scan.width, scan.height)
        yield whole, read_whole(path, *size, options.pixels, damage)
        return
    first_row = scan.checkpoints.rows_done
    windows = read_windows(
        scan.scene.path,
        tile_size=plan.tile_size,
        overlap=plan.overlap,
        pixels=options.pixels,
        first_row=first_row,
        damage=damage,
    )
    states = scan.states[first_row * len(scan.grid.columns) :]
    for (window, pixels), state in zip(windows, states, strict=True):
        is_skipped = state != COVERED or _is_empty(pixels, options)
        yield window, None if is_skipped else pixels


def _batches(queue: Iterator[_Queued], size: int) -> Iterator[list[_Queued]]:
    """Yield lists with `size` windows to predict, and everything that is queued between them."""
    batch: list[_Queued] = []
    windows = 0
    try:
        for queued in queue:
            batch.append(queued)
            windows += queued.pixels is not None
            if windows in (0, size):
                yield batch
                batch, windows = [], 0
    except GeneratorExit:
        raise
    except BaseException:  # the windows that were read before the fault are still predicted
        yield batch
        raise
    yield batch


def _collect(
    batch: list[_Queued], predicted: list[_Predicted], seconds: float, bar: ExitStack
) -> Iterator[SceneScan]:
    """Add predicted boxes to their scenes, and yield the scenes that end in this batch."""
    found = iter(predicted)
    for queued in batch:
        scan, window = queued.scan, queued.window
        if window is None:
            bar.close()
            yield scan
        elif scan.checkpoints is not None:
            scan.checkpoints.add(_scanned(window, queued.pixels, found, seconds))
            _advance(scan, bar)


def _scanned(
    window: Window, pixels: Pixels | None, predicted: Iterator[_Predicted], seconds: float
) -> ScannedWindow:
    if pixels is None:
        return ScannedWindow(window, _NO_BOXES, seconds, is_skipped=True)
    height, width = pixels.shape[:2]
    found = next(predicted)
    shapes = found.shapes
    if (width, height) != (window.width, window.height):  # a whole scene, reduced
        shapes = shapes.scaled(window.width / width, window.height / height)
    shapes = shapes.shifted(window.x, window.y)
    return ScannedWindow(
        window, shapes, seconds, measures=measures_of(pixels), outlier=found.outlier
    )


def _advance(scan: SceneScan, bar: ExitStack) -> None:
    """Advance the progress bar of a large scene, which stays until the scene ends."""
    if scan.grid is None or len(scan.grid) < _LARGE_SCENE_WINDOWS:
        return
    if scan.advance is None:
        name = f"{scan.scene.id} (windows)"
        scan.advance = bar.enter_context(progress(name, len(scan.grid)))
        scan.advance(len(scan.checkpoints.scanned) - 1 if scan.checkpoints else 0)
    scan.advance(1)
