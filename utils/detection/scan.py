"""A detector looks through scenes window by window, in batches that do not end where scenes do."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field

import numpy as np

from utils.detection.empty_water import contrast
from utils.detection.options import InferenceOptions
from utils.detection.predictor import Predictor
from utils.detection.prefetch import reading_ahead
from utils.detection.scale import WindowPlan
from utils.detection.window_checkpoints import Bands, KeptWork, SeenWindow
from utils.errors import ImageError
from utils.geometry import Boxes, Window
from utils.images.damage import DamageSigns
from utils.images.files import image_sha256
from utils.images.reader import Pixels, image_size, read_windows
from utils.issues import Issue
from utils.progress import Advance, progress
from utils.scenes.coverage import COVERED, Coverage, StateArray, coverage_of
from utils.scenes.noted import damage_issues, image_issues
from utils.scenes.scene import Scene
from utils.tiling.grid import Grid
from utils.tiling.tile import scene_key

_NAME_LENGTH = 16
# Scenes of more windows show how far they have come.
_LARGE_SCENE_WINDOWS = 100
_NO_BOXES = Boxes(scores=np.zeros(0))
_NO_PLAN = WindowPlan(1, 0)

PlanWindows = Callable[[Scene, int, int], WindowPlan]


@dataclass(slots=True)
class SceneInWork:
    """A scene on its way through the detector.

    Attributes:
        scene: The scene.
        key: The name of its file among the kept ones; empty until the image was read.
        is_kept: Whether an earlier run has finished it.
        width: In pixels.
        height: In pixels.
        grid: Its windows, once they are known.
        bands: What was found so far, in scene coordinates.
        fault: Why the image cannot be read, or None.
        noted: What a person should know about the image.
        advance: Of its own progress bar, if it has one.
        backend: What the network ran in, and why in that; empty where nothing was looked at.
        plan: Its windows as they were planned.
        coverage: The parts of it that are looked at, once its image was read.
        states: For each window whether it is looked at, as in `Covered`.
    """

    scene: Scene
    key: str = ""
    is_kept: bool = False
    width: int = 0
    height: int = 0
    grid: Grid | None = None
    bands: Bands | None = None
    fault: ImageError | None = None
    noted: list[Issue] = field(default_factory=list)
    advance: Advance | None = None
    backend: str = ""
    plan: WindowPlan = _NO_PLAN
    coverage: Coverage | None = None
    states: StateArray = field(default_factory=lambda: np.zeros(0, dtype=np.uint8))


@dataclass(frozen=True, slots=True)
class _View:
    """A window of a scene or, without one, the end of the scene.

    The window has its pixels unless nobody needs to look at it: empty water, pixels without data,
    and what lies outside the regions.
    """

    work: SceneInWork
    window: Window | None = None
    pixels: Pixels | None = None


def look_through(
    scenes: Iterable[Scene],
    kept: KeptWork,
    options: InferenceOptions,
    load: Callable[[Sequence[Pixels]], Predictor],
    plan: PlanWindows,
) -> Iterator[SceneInWork]:
    """Look at every window of some scenes that was not looked at before.

    Windows are read while the device works, and a batch takes those of the next scene where one has
    no more.

    Args:
        scenes: Read once, as a stream, in a thread of its own.
        kept: What earlier runs have left.
        options: How to look.
        load: Makes the predictor of the first windows, once there is something to look at.
        plan: Tells the windows of a scene of some width and height in pixels.

    Yields:
        The scenes, in order, each once all its windows were looked at.
    """
    views = (view for scene in scenes for view in _views(scene, kept, options, plan))
    predictor: Predictor | None = None
    with ExitStack() as bar, closing(reading_ahead(views, options.batch)) as ahead:
        started = time.monotonic()
        for batch in _batches(ahead, options.batch):
            windows = [view.pixels for view in batch if view.pixels is not None]
            if windows and predictor is None:
                predictor = load(windows)
                started = time.monotonic()
            found = predictor.find(windows) if windows and predictor is not None else []
            ended = time.monotonic()
            # Windows that are passed over were read, which takes its time too.
            done = sum(view.window is not None for view in batch)
            for work in _sorted_in(batch, found, (ended - started) / max(done, 1), bar):
                work.backend = str(predictor.backend) if predictor else ""
                yield work
            started = ended


def _views(
    scene: Scene, kept: KeptWork, options: InferenceOptions, plan: PlanWindows
) -> Iterator[_View]:
    """Yield the windows of a scene that are still to be looked at, and then its end."""
    work = SceneInWork(scene)
    try:
        digest = image_sha256(scene.path)[:_NAME_LENGTH]
        work.width, work.height = image_size(scene.path, options.pixels)
        work.noted += image_issues(scene, options.pixels)
        work.plan = plan(scene, work.width, work.height)
        # A file beside the image may give it another place, and so another resolution.
        work.coverage = coverage_of(scene, work.width, work.height, options.pixels)
        work.noted += work.coverage.issues
        parts = [scene_key(scene.id), digest, str(work.plan.tile_size), work.coverage.identity]
        work.key = f"{'-'.join(filter(None, parts))}.parquet"
        work.is_kept = work.key in kept
        if not work.is_kept:
            damage = DamageSigns()
            for window, pixels in _windows(work, work.coverage, kept, options, damage):
                yield _View(work, window, pixels)
            work.noted += damage_issues(scene, damage, options.pixels)
    except ImageError as fault:
        work.fault = fault
    yield _View(work)


def _is_empty(pixels: Pixels, options: InferenceOptions) -> bool:
    return options.skip_empty and contrast(pixels) < options.empty_contrast


def _windows(
    work: SceneInWork,
    coverage: Coverage,
    kept: KeptWork,
    options: InferenceOptions,
    damage: DamageSigns,
) -> Iterator[tuple[Window, Pixels | None]]:
    """Yield the windows of a scene that are still to be done, with the pixels to be looked at."""
    plan = work.plan
    work.grid = Grid.over(work.width, work.height, plan.tile_size, plan.overlap)
    work.states = coverage.windows(work.grid.columns, work.grid.rows)
    if not (work.states == COVERED).any():
        return
    work.bands = Bands(kept, work.key.removesuffix(".parquet"), work.grid)
    first_row = work.bands.rows_done
    windows = read_windows(
        work.scene.path,
        tile_size=plan.tile_size,
        overlap=plan.overlap,
        pixels=options.pixels,
        first_row=first_row,
        damage=damage,
    )
    states = work.states[first_row * len(work.grid.columns) :]
    for (window, pixels), state in zip(windows, states, strict=True):
        is_passed_over = state != COVERED or _is_empty(pixels, options)
        yield window, None if is_passed_over else pixels


def _batches(views: Iterator[_View], size: int) -> Iterator[list[_View]]:
    """Yield lists with `size` windows to look at, and with all that comes between them."""
    batch: list[_View] = []
    windows = 0
    try:
        for view in views:
            batch.append(view)
            windows += view.pixels is not None
            if windows in (0, size):
                yield batch
                batch, windows = [], 0
    except GeneratorExit:
        raise
    except BaseException:  # what was read before the fault is looked at before it is told
        yield batch
        raise
    yield batch


def _sorted_in(
    batch: list[_View], found: list[Boxes], seconds: float, bar: ExitStack
) -> Iterator[SceneInWork]:
    """Add what was found to the scenes, and yield those that end in this batch."""
    boxes = iter(found)
    for view in batch:
        work, window = view.work, view.window
        if window is None:
            bar.close()
            yield work
        elif work.bands is not None:
            work.bands.add(_seen(window, view.pixels, boxes, seconds))
            _advance(work, bar)


def _seen(
    window: Window, pixels: Pixels | None, found: Iterator[Boxes], seconds: float
) -> SeenWindow:
    if pixels is None:
        return SeenWindow(window, _NO_BOXES, seconds, is_skipped=True)
    return SeenWindow(window, next(found).shifted(window.x, window.y), seconds)


def _advance(work: SceneInWork, bar: ExitStack) -> None:
    """Show how far a large scene has come, in a bar that is there until the scene ends."""
    if work.grid is None or len(work.grid) < _LARGE_SCENE_WINDOWS:
        return
    if work.advance is None:
        name = f"{work.scene.id} (windows)"
        work.advance = bar.enter_context(progress(name, len(work.grid)))
        work.advance(len(work.bands.seen) - 1 if work.bands else 0)
    work.advance(1)
