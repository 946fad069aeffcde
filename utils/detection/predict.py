"""What a detector finds in the scenes of a source, one by one, so that a kill loses little."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from importlib.metadata import version
from operator import attrgetter
from pathlib import Path

from utils.detection.detector import Detector
from utils.detection.options import InferenceOptions
from utils.detection.outputs import write_outputs
from utils.detection.predictions import Predictions, ScenePrediction
from utils.detection.predictor import load_predictor
from utils.detection.scale import WindowPlan, magnified_issues, plan_windows, scale_issues
from utils.detection.scan import SceneInWork, look_through
from utils.detection.scene_prediction import merged_prediction
from utils.detection.window_checkpoints import KeptWork
from utils.issues import IssueReport
from utils.locks import exclusive
from utils.paths import local_folder
from utils.progress import progress
from utils.scenes.classes import merge_issues
from utils.scenes.places import ground_sample_distance
from utils.scenes.region_choice import OUTSIDE_REGIONS, check_regions
from utils.scenes.scene import Scene, SceneSource
from utils.scenes.selection import WHOLE, Selection
from utils.storage.store import ObjectStore, open_store

_FILE = "predictions.parquet"
_NAME_LENGTH = 16
_DEFAULTS = InferenceOptions()
FAINT_SHARE = 0.5  # of the least score of a box that is kept
# To be raised whenever the same detector with the same options comes to find other boxes, or they
# are kept in another format: what earlier runs have kept is then left alone.
_METHOD = 4
# What does not change the boxes that are found.
_NOT_IDENTITY = {"batch", "device", "outputs", "viewer_scenes", "max_bad_share"}


@dataclass(frozen=True, slots=True)
class InferenceResult:
    """What came of looking through a source.

    Attributes:
        predictions: One row a scene, in order of scene id; in other formats too where asked for.
        issues: What could not be read.
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
) -> InferenceResult:
    """Find the objects in scenes of a source, each once: a killed run is continued.

    Args:
        source: Read once, as a stream.
        detector: Whose best weights look.
        options: How to look.
        model_version: Written beside every prediction.
        folder: Receives `predictions.parquet`.
        selection: The scenes to look through, by default all; `merge_inferences` joins what several
            leave.
        kept_in: Where the boxes of each scene are kept for later runs; `.local/predictions` by
            default, which does for one machine.
        exports_in: Kept with the detector, for its exported networks; see `load_predictor`.

    Raises:
        BusyError: If another process on this machine does the same.
        DetectorError: If the weights cannot be loaded.
        StoreError: If `kept_in` cannot be read or written.
    """
    store = kept_in or open_store(str(local_folder("predictions")))
    name = _identity(source, detector, options)
    kept = KeptWork(store, name, folder / "scenes")
    issues = IssueReport()
    parts: dict[str, Path] = {}
    planned: list[tuple[WindowPlan, int]] = []
    total = None if source.scene_count is None else selection.count_of(source.scene_count)
    with (
        exclusive("inference", f"{source.name} ({name} {selection.model_dump_json()})"),
        progress("Predicting (scenes)", total) as advance,
    ):
        least = detector.least_score(options.confidence)
        # Boxes that just fail are counted, so that people see what the confidence leaves out.
        fainter = options.updated(confidence=least * FAINT_SHARE)
        load = partial(load_predictor, detector, fainter, exports_in=exports_in)
        plan = partial(_planned, detector, options)
        if selection.shard == 0:
            issues.extend(scale_issues(detector, options))
        for work in look_through(source.read(issues, selection), kept, options, load, plan):
            issues.extend([*work.noted, *work.plan.issues])
            if work.fault is not None:
                issues.add(work.scene.id, "image does not decode", work.fault)
            else:
                planned.append((work.plan, max(work.width, work.height)))
                parts[work.scene.id] = _finished(work, kept, options, least)
                _bring_up_to_date(parts[work.scene.id], work, model_version, issues)
            advance(1)
    issues.extend(magnified_issues(detector, options, planned))
    scenes = (_read(parts[scene_id]) for scene_id in sorted(parts))
    predictions = Predictions.write(folder / _FILE, detector.class_names, scenes)
    return InferenceResult(predictions, issues)


def merge_inferences(
    shards: Sequence[InferenceResult], options: InferenceOptions = _DEFAULTS, *, folder: Path
) -> InferenceResult:
    """Join the results of inferences that shared the scenes of a source.

    Args:
        shards: In any order.
        options: As the shards had them.
        folder: Receives `predictions.parquet` and the other formats asked for.

    Raises:
        TooManyIssuesError: If more scenes are unreadable than the options allow.
        SourceError: If the regions of the source touch none of its scenes.
    """
    issues = merge_issues([shard.issues for shard in shards])
    tables = [shard.predictions for shard in shards]
    scenes = sum(map(len, tables)) + issues.items_set_aside()
    issues.check_share(scenes, options.max_bad_share, "scenes")
    predictions = Predictions.merge(folder / _FILE, tables, attrgetter("scene_id"))
    counts = [(scene.windows, scene.windows_outside) for scene in predictions]
    windows, outside = (sum(each) for each in zip((0, 0), *counts, strict=True))
    check_regions(issues, len(predictions), windows, outside)
    return InferenceResult(write_outputs(predictions, options, folder, issues), issues)


def _planned(
    detector: Detector, options: InferenceOptions, scene: Scene, width: int, height: int
) -> WindowPlan:
    metres = ground_sample_distance(scene.georeference, width, height)
    return plan_windows(detector, options, scene.id, metres)


def _identity(source: SceneSource, detector: Detector, options: InferenceOptions) -> str:
    """A name for all predictions that the same detector makes with these options."""
    identity = [
        *(_METHOD, version("ultralytics"), source.name),
        *(detector.weights_sha256, detector.image_size, detector.class_names),
        *(detector.tile_side, detector.ground_sample_distance),
    ]
    chosen = options.updated(confidence=detector.least_score(options.confidence))
    content = json.dumps([*identity, chosen.model_dump(mode="json", exclude=_NOT_IDENTITY)])
    return hashlib.sha256(content.encode()).hexdigest()[:_NAME_LENGTH]


def _finished(work: SceneInWork, kept: KeptWork, options: InferenceOptions, least: float) -> Path:
    """The file with the prediction for a scene, which is kept for later runs."""
    if work.is_kept:
        return kept.fetch(work.key)
    _write(kept.local(work.key), merged_prediction(work, options, least))
    kept.keep(work.key)
    if work.bands is not None:
        work.bands.discard()
    return kept.local(work.key)


def _bring_up_to_date(
    part: Path, work: SceneInWork, model_version: str, issues: IssueReport
) -> None:
    """Note what may have changed since the image was looked at: everything but the boxes."""
    before, scene = _read(part), work.scene
    if before.windows and before.windows_outside == before.windows:
        detail = "no pixel of it is in the regions, so nothing of it is looked at"
        issues.add(scene.id, OUTSIDE_REGIONS, detail, set_aside=False)
    now = replace(
        before,
        location=scene.location,
        model_version=model_version,
        truth=scene.boxes,
        tags=scene.tags,
        georeference=scene.georeference,
        group=scene.group or scene.id,
    )
    if now != before:
        _write(part, now)


def _write(part: Path, prediction: ScenePrediction) -> None:
    Predictions.write(part, (), [prediction])


def _read(part: Path) -> ScenePrediction:
    (prediction,) = Predictions(part)
    return prediction
