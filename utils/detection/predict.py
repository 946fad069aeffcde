"""Predict the scenes of a source with a detector, one by one, so that a kill loses little.

The boxes of a scene are written to Parquet twice: to a file of its own in the cache, as soon as the
scene is done, and to the table of the run. (A scene of many windows has checkpoints meanwhile.)
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from utils.detection.detector import FAINT_SHARE, Detector
from utils.detection.options import InferenceOptions
from utils.detection.predictions import Predictions, ScenePrediction
from utils.detection.predictor import load_predictor
from utils.detection.scale import (
    WindowPlan,
    classifies_scenes,
    magnified_issues,
    plan_windows,
    scale_issues,
)
from utils.detection.scan import LoadPredictor, OutlierScore, SceneScan, scan_scenes
from utils.detection.scene_prediction import merged_prediction
from utils.detection.ultralytics.library import library_version
from utils.detection.window_checkpoints import PredictionCache
from utils.issues import IssueReport
from utils.locks import exclusive
from utils.paths import local_folder
from utils.progress import Advance, progress
from utils.scenes.places import ground_sample_distance
from utils.scenes.region_choice import OUTSIDE_REGIONS
from utils.scenes.scene import Scene, SceneSource
from utils.scenes.selection import WHOLE, Selection
from utils.shapes.columns import with_kind
from utils.shapes.shapes import ShapeKind
from utils.storage.store import ObjectStore, open_store

PREDICTIONS_FILE = "predictions.parquet"
_NAME_LENGTH = 16
_DEFAULTS = InferenceOptions()
# Raise it whenever the same detector with the same options finds other boxes than before, or the
# cached files change: files of earlier runs are then not used.
_METHOD = 6
# Options that do not change the predicted boxes.
_NOT_IDENTITY = {"batch", "device", "outputs", "viewer_scenes", "max_bad_share"}


@dataclass(frozen=True, slots=True)
class InferenceResult:
    """Result of an inference over a source.

    Attributes:
        predictions: One row per scene, in order of scene id; in other formats too, if asked for.
        issues: Faults of scenes, unreadable ones among them.
    """

    predictions: Predictions
    issues: IssueReport


def predict_scenes(
    source: SceneSource,
    detector: Detector,
    options: InferenceOptions = _DEFAULTS,
    *,
    model_version: str,
    folder: Path,
    selection: Selection = WHOLE,
    kept_in: ObjectStore | None = None,
    exports_in: ObjectStore | None = None,
    remote: LoadPredictor | None = None,
    note: Callable[[SceneScan], None] | None = None,
    outlier_score: OutlierScore | None = None,
) -> InferenceResult:
    """Predict the scenes of a source, each once: a killed run is continued.

    Args:
        source: Scenes, read once, as a stream.
        detector: Detector whose best weights predict.
        options: Options of the inference.
        model_version: Version that is written beside every prediction.
        folder: Receives `predictions.parquet`.
        selection: Scenes to predict, by default all; `merge_inferences` joins the results of
            several selections.
        kept_in: Store that keeps the boxes of each scene for later runs; by default
            `.local/predictions`, which serves one machine.
        exports_in: Store for exported networks; see `load_predictor`.
        remote: Makes the predictor that `options.service` names, from the first windows.
        note: Notes each scene that this run predicts, before it is kept for later runs.
        outlier_score: Scores the features of each window for its note, or None.

    Raises:
        BusyError: If another process on this machine does the same.
        DetectorError: If the weights cannot be loaded.
        StoreError: If `kept_in` cannot be read or written.
    """
    name = _identity(source, detector, options)
    store = kept_in or open_store(str(local_folder("predictions")))
    cache = PredictionCache(store, name, folder / "scenes")
    issues = IssueReport()
    total = None if source.scene_count is None else selection.count_of(source.scene_count)
    with (
        exclusive("inference", f"{source.name} ({name} {selection.model_dump_json()})"),
        progress("Predicting (scenes)", total) as advance,
    ):
        if selection.shard == 0 and not classifies_scenes(detector, options):
            issues.extend(scale_issues(detector, options))
        load = remote or _loader(detector, options, exports_in)
        plan = partial(_planned, detector, options)
        scans = scan_scenes(
            source.read(issues, selection), cache, options, load, plan, outlier_score
        )
        least = detector.least_score(options.confidence)
        files: dict[str, Path] = {}
        for scan in _readable(scans, detector, options, issues, advance):
            if note is not None and not scan.is_kept:
                note(scan)
            file = _scene_file(scan, cache, options, least, model_version, detector.kind, issues)
            files[scan.scene.id] = file
    return InferenceResult(_joined(files, detector, folder / PREDICTIONS_FILE), issues)


def _joined(files: Mapping[str, Path], detector: Detector, path: Path) -> Predictions:
    """Write the predictions of all scenes as one table, in order of scene id."""
    predicted = (_read(files[scene_id]) for scene_id in sorted(files))
    return Predictions.write(path, detector.class_names, predicted, footer=with_kind(detector.kind))


def _readable(
    scans: Iterable[SceneScan],
    detector: Detector,
    options: InferenceOptions,
    issues: IssueReport,
    advance: Advance,
) -> Iterator[SceneScan]:
    """Yield the scans of readable scenes, and report the issues of all."""
    planned: list[tuple[WindowPlan, int]] = []
    for scan in scans:
        issues.extend([*scan.noted, *scan.plan.issues])
        if scan.fault is not None:
            issues.add(scan.scene.id, "image does not decode", scan.fault)
        else:
            planned.append((scan.plan, max(scan.width, scan.height)))
            yield scan
        advance(1)
    if not classifies_scenes(detector, options):
        issues.extend(magnified_issues(detector, options, planned))


def faint_score(detector: Detector, options: InferenceOptions) -> float:
    """The minimum score of a box that is predicted: boxes that just miss the confidence, too.

    They are counted, so that people see what the confidence leaves out.
    """
    return detector.least_score(options.confidence) * FAINT_SHARE


def _loader(
    detector: Detector, options: InferenceOptions, exports_in: ObjectStore | None
) -> LoadPredictor:
    return partial(
        load_predictor,
        detector,
        options.updated(confidence=faint_score(detector, options)),
        backend=options.backend,
        exports_in=exports_in,
    )


def _planned(
    detector: Detector, options: InferenceOptions, scene: Scene, width: int, height: int
) -> WindowPlan:
    if classifies_scenes(detector, options):
        return WindowPlan(max(width, height, 2), 1, is_whole_scene=True)
    metres = ground_sample_distance(scene.georeference, width, height)
    return plan_windows(detector, options, scene.id, metres)


def _identity(source: SceneSource, detector: Detector, options: InferenceOptions) -> str:
    """A name for all predictions that the same detector makes with these options."""
    identity = [
        *(_METHOD, library_version(), source.name),
        *(detector.weights_sha256, detector.image_size, detector.class_names),
        *(detector.tile_side, detector.ground_sample_distance),
        *([] if detector.kind.is_upright else [detector.kind]),
    ]
    chosen = options.updated(confidence=detector.least_score(options.confidence))
    # Without a service, what earlier versions of Spyglass have kept is found again.
    left_out = _NOT_IDENTITY if options.service else {*_NOT_IDENTITY, "service"}
    parts = [*identity, chosen.model_dump(mode="json", exclude=left_out)]
    content = json.dumps(parts, sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()[:_NAME_LENGTH]


def _scene_file(
    scan: SceneScan,
    cache: PredictionCache,
    options: InferenceOptions,
    least: float,
    model_version: str,
    kind: ShapeKind,
    issues: IssueReport,
) -> Path:
    """The file with the up-to-date prediction of a scene, which later runs find in the cache."""
    if scan.is_kept:
        file = cache.fetch(scan.key)
        before = _read(file)
        prediction = _up_to_date(before, scan.scene, model_version)
        # The boxes are the same: only this run's copy gets the newer facts about the scene.
        if prediction != before:
            _write(file, prediction, kind)
    else:
        file = cache.local(scan.key)
        merged = merged_prediction(scan, options, least)
        prediction = _up_to_date(merged, scan.scene, model_version)
        _write(file, prediction, kind)
        cache.keep(scan.key)
        if scan.checkpoints is not None:
            scan.checkpoints.discard()
    if prediction.windows and prediction.windows_outside == prediction.windows:
        detail = "no pixel of it is in the regions, so nothing of it is predicted"
        issues.add(scan.scene.id, OUTSIDE_REGIONS, detail, set_aside=False)
    return file


def _up_to_date(before: ScenePrediction, scene: Scene, model_version: str) -> ScenePrediction:
    """A prediction with everything but its boxes as it is known now."""
    return replace(
        before,
        location=scene.location,
        model_version=model_version,
        truth=scene.shapes,
        tags=scene.tags,
        georeference=scene.georeference,
        group=scene.group or scene.id,
    )


def _write(file: Path, prediction: ScenePrediction, kind: ShapeKind) -> None:
    Predictions.write(file, (), [prediction], footer=with_kind(kind))


def _read(file: Path) -> ScenePrediction:
    (prediction,) = Predictions(file)
    return prediction
