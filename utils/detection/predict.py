"""What a detector finds in the scenes of a source, one by one, so that a kill loses little."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from utils.detection.coco_json import write_coco_json
from utils.detection.detector import Detector
from utils.detection.options import InferenceOptions
from utils.detection.predictions import Predictions, ScenePrediction
from utils.detection.predictor import Predictor, load_predictor
from utils.errors import ImageError
from utils.issues import IssueReport
from utils.locks import exclusive
from utils.paths import local_folder
from utils.progress import progress
from utils.scenes.images import image_sha256
from utils.scenes.scene import Scene, SceneSource
from utils.tiling.tile import scene_key

_NAME_LENGTH = 16
_DEFAULTS = InferenceOptions()
# What does not change the boxes that are found.
_NOT_IDENTITY = {"batch", "device", "coco_json", "max_bad_share"}


@dataclass(frozen=True, slots=True)
class InferenceResult:
    """What came of looking through a source.

    Attributes:
        predictions: One row a scene, as COCO json too where asked for.
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
) -> InferenceResult:
    """Find the objects in every scene of a source, once: a killed run is continued.

    Args:
        source: Read once, as a stream.
        detector: Whose best weights look.
        options: How to look.
        model_version: Written beside every prediction.
        folder: Receives `predictions.parquet` and, where asked for, `predictions.json`.

    Raises:
        BusyError: If another process does the same.
        DetectorError: If the weights cannot be loaded.
        TooManyIssuesError: If more scenes are unreadable than the options allow.
    """
    work = _work_folder(source, detector, options)
    issues = IssueReport()
    with exclusive("inference", str(work)):
        parts = dict(_parts(source, detector, options, model_version, work, issues))
    issues.check_share(len(parts) + issues.items_set_aside(), options.max_bad_share, "scenes")
    scenes = (_read(parts[scene_id]) for scene_id in sorted(parts))
    predictions = Predictions.write(folder / "predictions.parquet", detector.class_names, scenes)
    if options.coco_json:
        coco_json = write_coco_json(predictions, folder / "predictions.json")
        predictions = replace(predictions, coco_json=coco_json)
    return InferenceResult(predictions, issues)


def _work_folder(source: SceneSource, detector: Detector, options: InferenceOptions) -> Path:
    identity = [source.name, detector.weights_sha256, detector.image_size, detector.class_names]
    content = json.dumps([*identity, options.model_dump(mode="json", exclude=_NOT_IDENTITY)])
    return local_folder("predictions", hashlib.sha256(content.encode()).hexdigest()[:_NAME_LENGTH])


def _parts(
    source: SceneSource,
    detector: Detector,
    options: InferenceOptions,
    model_version: str,
    work: Path,
    issues: IssueReport,
) -> Iterator[tuple[str, Path]]:
    """Yield the id of each scene with the file that holds its prediction."""
    predictor = cache(lambda: load_predictor(detector, options))  # not needed when all is done
    with progress("Predicting (scenes)", source.scene_count) as advance:
        for scene in source.read(issues):
            try:
                digest = image_sha256(scene.path)[:_NAME_LENGTH]
                part = work / f"{scene_key(scene.id)}-{digest}.parquet"
                if not part.is_file():
                    _write(part, _predict(scene, predictor()))
                _bring_up_to_date(part, scene, model_version)
            except ImageError as error:
                issues.add(scene.id, "image does not decode", error)
            else:
                yield scene.id, part
            advance(1)


def _predict(scene: Scene, predictor: Predictor) -> ScenePrediction:
    started = time.monotonic()
    boxes, width, height = predictor.find_in_scene(scene.path)
    return ScenePrediction(
        scene_id=scene.id,
        location=str(scene.path.absolute()),
        width=width,
        height=height,
        boxes=boxes,
        model_version="",
        seconds=time.monotonic() - started,
    )


def _bring_up_to_date(part: Path, scene: Scene, model_version: str) -> None:
    """Note what may have changed since the image was looked at: everything but the boxes."""
    before = _read(part)
    now = replace(
        before,
        location=str(scene.path.absolute()),
        model_version=model_version,
        truth=scene.boxes,
        tags=scene.tags,
        georeference=scene.georeference,
    )
    if now != before:
        _write(part, now)


def _write(part: Path, prediction: ScenePrediction) -> None:
    Predictions.write(part, (), [prediction])


def _read(part: Path) -> ScenePrediction:
    (prediction,) = Predictions(part)
    return prediction
