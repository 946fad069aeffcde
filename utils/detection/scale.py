"""The scale that a detector was trained at, and windows that show objects at that scale again.

A network sees a tile resized until its longest side is the image size, so an object of 20 pixels
is larger for it in a tile of 400 pixels than in one of 1,000. Windows of another size than the
training tiles show objects of another size than in training.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from utils.dataset.labeled import LabeledTile
from utils.detection.detector import Detector
from utils.detection.options import InferenceOptions
from utils.detection.window_sides import (
    MOST_RESAMPLED,
    NOTICEABLE,
    OVERLAPS,
    SMALLEST_SIDE,
    is_alike,
    shown_larger,
)
from utils.geometry import FloatArray, Window
from utils.issues import Issue

OTHER_SCALE = "other scale than learned"
RESAMPLED = "scene resampled to the learned resolution"
LESS_OVERLAP = "overlap reduced to half of a window"
UNKNOWN_SCALE = "learned scale not known"

_DEFAULT_SIDE = 1000
_STRIDE = 32  # image sizes of a YOLO are multiples of its coarsest grid


@dataclass(frozen=True, slots=True)
class LearnedScale:
    """The scale of the training tiles.

    Attributes:
        tile_side: Median longest side of the training tiles, in pixels; each counts as often as it
            has objects.
        ground_sample_distance: Median length of a pixel on the ground, in metres, or None if
            it is known of fewer than half of the tiles.
    """

    tile_side: int
    ground_sample_distance: float | None


def learned_scale(tiles: Iterable[LabeledTile]) -> LearnedScale:
    """Measure the scale of the training tiles.

    Args:
        tiles: Tiles of the train split, at least one.
    """
    rows = [
        (side_of([tile.window]), tile.ground_sample_distance or np.nan, max(len(tile.shapes), 1))
        for tile in tiles
    ]
    sides, distances, weights = np.array(rows).T
    known = np.isfinite(distances)
    is_placed = weights[known].sum() * 2 >= weights.sum()
    return LearnedScale(
        tile_side=round(_weighted_median(sides, weights)),
        ground_sample_distance=(
            _weighted_median(distances[known], weights[known]) if is_placed else None
        ),
    )


@dataclass(frozen=True, slots=True)
class WindowPlan:
    """The windows that a scene is predicted in.

    Attributes:
        tile_size: Side of the windows, in pixels of the scene.
        overlap: Overlap of neighbouring windows, in pixels of the scene.
        issues: Issues that a person should know of them.
        is_whole_scene: Whether there is one window, the scene, which may be reduced.
    """

    tile_size: int
    overlap: int
    issues: tuple[Issue, ...] = ()
    is_whole_scene: bool = False


def plan_windows(
    detector: Detector,
    options: InferenceOptions,
    scene_id: str = "",
    ground_sample_distance: float | None = None,
) -> WindowPlan:
    """Plan windows that show a scene at the scale of the training.

    A scene of another resolution needs no resampling of its own: in windows that are larger or
    smaller by the ratio of both resolutions, the resizing to the network's input does it.

    Args:
        detector: Detector with its scale; detectors of earlier versions of Spyglass may have none.
        options: Options; a size of windows in them takes precedence.
        scene_id: Id of the scene, for issues.
        ground_sample_distance: Length of a pixel of the scene on the ground, in metres, if known.
    """
    if options.tile_size != "auto":
        overlap = options.overlap
        by_fifth = max(options.tile_size // OVERLAPS, 1)
        told = _ground_issues(detector, options, scene_id, ground_sample_distance)
        return WindowPlan(options.tile_size, by_fifth if overlap == "auto" else overlap, told)
    side, issues = _learned_side(detector, options), []
    learned = detector.ground_sample_distance
    if learned and ground_sample_distance:
        ratio = learned / ground_sample_distance
        shown = shown_larger(learned, ground_sample_distance)
        if not is_alike(ratio):
            detail = (
                f"its pixels are {ground_sample_distance:.3g} m long, those learned from "
                f"{learned:.3g} m: it is predicted in windows of {round(side * shown)} px"
            )
            if shown != ratio:
                detail += f", as far as windows may differ (by {MOST_RESAMPLED:g} times)"
            issues.append(Issue(scene_id, RESAMPLED, detail, set_aside=False))
            side *= shown
    tile_size = max(round(side), SMALLEST_SIDE)
    overlap = tile_size // OVERLAPS if options.overlap == "auto" else options.overlap
    if overlap > tile_size // 2:  # neighbouring windows would be almost the same
        detail = (
            f"inference.overlap is {overlap}; windows of {tile_size} px overlap by half, "
            f"{tile_size // 2} px. Set it to auto, or to at most half of the windows"
        )
        issues.append(Issue(scene_id, LESS_OVERLAP, detail, set_aside=False))
        overlap = tile_size // 2
    return WindowPlan(tile_size, max(overlap, 1), tuple(issues))


def classifies_scenes(detector: Detector, options: InferenceOptions) -> bool:
    """Whether a scene is one window, however large, since its class is asked for."""
    return not detector.kind.has_places and options.classify == "scene"


def scale_issues(detector: Detector, options: InferenceOptions) -> list[Issue]:
    """Issues of the scale that the options ask for, known before any scene is read."""
    if detector.tile_side is None:
        if options.tile_size != "auto":
            return []
        detail = (
            "the detector was trained by a version of Spyglass that did not keep the size of its "
            f"tiles: windows of {_DEFAULT_SIDE} px are shown. Train it again, or set "
            "inference.tile_size to the size of the tiles it learned from"
        )
        return [Issue("inference", UNKNOWN_SCALE, detail, set_aside=False)]
    if options.tile_size == "auto":
        return []
    image_size = options.imgsz or detector.image_size
    factor = _factor_by_hand(detector, options, detector.tile_side, options.tile_size)
    if is_alike(factor):
        return []
    detail = (
        f"windows of {options.tile_size} px at imgsz {image_size} show objects "
        f"{factor:.2f} times as large as the detector learned them, in tiles of "
        f"{detector.tile_side} px at imgsz {detector.image_size}{_cost(detector, factor)}. "
        "Leave out tile_size to show them as they were learned"
    )
    return [Issue("inference", OTHER_SCALE, detail, set_aside=False)]


def magnified_issues(
    detector: Detector, options: InferenceOptions, scenes: Sequence[tuple[WindowPlan, int]]
) -> list[Issue]:
    """An issue for scenes that are smaller than the windows planned for them.

    The network sees such a scene resized like a window, so that its objects are too large.

    Args:
        detector: Detector with its scale; detectors of earlier versions of Spyglass may have none.
        options: Options; a size of windows in them takes precedence.
        scenes: Window plan and longest side in pixels of each scene.
    """
    if detector.tile_side is None or options.tile_size != "auto":
        return []
    factors = [plan.tile_size / side for plan, side in scenes]
    magnified = [factor for factor in factors if factor > NOTICEABLE]
    if not magnified:
        return []
    factor = float(np.median(magnified))
    image_size = options.imgsz or detector.image_size
    detail = (
        f"{len(magnified)} of {len(factors)} scenes are smaller than the windows, so that objects "
        f"look {factor:.2f} times as large as the detector learned them"
        f"{_cost(detector, factor)}. Set inference.imgsz to "
        f"{rounded_image_size(image_size / factor)} for such scenes"
    )
    return [Issue("inference", OTHER_SCALE, detail, set_aside=False)]


def matching_image_size(detector: Detector, tiles: Sequence[Window]) -> int:
    """The image size at which tiles of any size show objects as large as in training.

    For tiles within a fifth of the size in training it is the image size of the training.

    Args:
        detector: Detector with its scale.
        tiles: Windows of the tiles, in pixels; their median decides.
    """
    if detector.tile_side is None or not tiles:
        return detector.image_size
    factor = side_of(tiles) / detector.tile_side
    if is_alike(factor):
        return detector.image_size
    return rounded_image_size(detector.image_size * factor)


def rounded_image_size(side: float) -> int:
    """The nearest image size that the network can take, in pixels."""
    return max(round(side / _STRIDE), 1) * _STRIDE


def side_of(windows: Sequence[Window]) -> float:
    """The median of the longest sides of some windows, in pixels."""
    return float(np.median([max(window.width, window.height) for window in windows]))


def _learned_side(detector: Detector, options: InferenceOptions) -> float:
    """Side of the windows that show objects as large as in training, at the image size wanted."""
    image_size = options.imgsz or detector.image_size
    return (detector.tile_side or _DEFAULT_SIDE) * image_size / detector.image_size


def _factor_by_hand(
    detector: Detector, options: InferenceOptions, learned_side: int, side: int
) -> float:
    """Factor by which windows of a side show objects larger than in training."""
    image_size = options.imgsz or detector.image_size
    return (image_size / side) / (detector.image_size / learned_side)


def _ground_issues(
    detector: Detector, options: InferenceOptions, scene_id: str, metres: float | None
) -> tuple[Issue, ...]:
    """An issue for a scene of another resolution in windows of a size from the options."""
    learned, learned_side = detector.ground_sample_distance, detector.tile_side
    if not (learned and metres and learned_side) or options.tile_size == "auto":
        return ()
    ratio = learned / metres
    factor = ratio * _factor_by_hand(detector, options, learned_side, options.tile_size)
    if is_alike(ratio) or is_alike(factor):
        return ()
    detail = (
        f"its pixels are {metres:.3g} m long, those learned from {learned:.3g} m: windows of "
        f"{options.tile_size} px show objects {factor:.2f} times as large as learned"
        f"{_cost(detector, factor)}. Leave out tile_size to show them as they were learned"
    )
    return (Issue(scene_id, OTHER_SCALE, detail, set_aside=False),)


def _cost(detector: Detector, factor: float) -> str:
    """The recall on val at the nearest measured scale, and at the scale of the training."""
    measured = detector.recall_by_scale
    if len(measured) < 2:
        return ""
    nearest = min(measured, key=lambda scale: abs(np.log(float(scale) / factor)))
    return (
        f"; on val it found {measured[nearest]:.0%} of the objects at {float(nearest):g} times "
        f"their size, and {measured['1']:.0%} as learned"
    )


def _weighted_median(values: FloatArray, weights: FloatArray) -> float:
    order = np.argsort(values)
    share = np.cumsum(weights[order]) / weights.sum()
    return float(values[order][np.searchsorted(share, 0.5)])
