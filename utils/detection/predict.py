"""What a detector finds in the scenes of a source, one by one, so that a kill loses little."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from operator import attrgetter
from pathlib import Path

from utils.detection.detector import Detector
from utils.detection.options import InferenceOptions
from utils.detection.outputs import write_outputs
from utils.detection.predictions import Predictions, ScenePrediction
from utils.detection.predictor import Predictor, load_predictor
from utils.errors import ImageError
from utils.issues import IssueReport
from utils.locks import exclusive
from utils.paths import local_folder
from utils.progress import progress
from utils.scenes.classes import merge_issues
from utils.scenes.images import image_sha256
from utils.scenes.scene import Scene, SceneSource
from utils.scenes.selection import WHOLE, Selection
from utils.storage.store import ObjectStore, open_store
from utils.tiling.tile import scene_key

_FILE = "predictions.parquet"
_NAME_LENGTH = 16
_DEFAULTS = InferenceOptions()
# What does not change the boxes that are found.
_NOT_IDENTITY = {"batch", "device", "outputs", "max_bad_share"}


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

    Raises:
        BusyError: If another process on this machine does the same.
        DetectorError: If the weights cannot be loaded.
        StoreError: If `kept_in` cannot be read or written.
    """
    store = kept_in or open_store(str(local_folder("predictions")))
    kept = _Kept(store, _identity(source, detector, options), folder)
    issues = IssueReport()
    with exclusive("inference", f"{source.name} ({kept.name} {selection.model_dump_json()})"):
        parts = dict(_parts(source, selection, detector, options, model_version, kept, issues))
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
    """
    issues = merge_issues([shard.issues for shard in shards])
    tables = [shard.predictions for shard in shards]
    scenes = sum(map(len, tables)) + issues.items_set_aside()
    issues.check_share(scenes, options.max_bad_share, "scenes")
    predictions = Predictions.merge(folder / _FILE, tables, attrgetter("scene_id"))
    return InferenceResult(write_outputs(predictions, options, folder, issues), issues)


def _identity(source: SceneSource, detector: Detector, options: InferenceOptions) -> str:
    """A name for all predictions that the same detector makes with these options."""
    identity = [source.name, detector.weights_sha256, detector.image_size, detector.class_names]
    content = json.dumps([*identity, options.model_dump(mode="json", exclude=_NOT_IDENTITY)])
    return hashlib.sha256(content.encode()).hexdigest()[:_NAME_LENGTH]


class _Kept:
    """The predictions of earlier runs, one file a scene, named by the scene and its image."""

    def __init__(self, store: ObjectStore, name: str, folder: Path) -> None:
        self.name = name
        self._store = store
        self._folder = folder / "scenes"
        self._there = {found.key for found in store.list(f"{name}/")}

    def of(self, scene: Scene, predict: Callable[[], ScenePrediction]) -> Path:
        """The file of a scene, copied from the store or else written from `predict` and kept."""
        digest = image_sha256(scene.path)[:_NAME_LENGTH]
        key = f"{self.name}/{scene_key(scene.id)}-{digest}.parquet"
        path = self._folder / key
        if key in self._there:
            return self._store.get(key, path)
        _write(path, predict())
        self._store.put(path, key)
        return path


def _parts(
    source: SceneSource,
    selection: Selection,
    detector: Detector,
    options: InferenceOptions,
    model_version: str,
    kept: _Kept,
    issues: IssueReport,
) -> Iterator[tuple[str, Path]]:
    """Yield the id of each scene with the file that holds its prediction."""
    predictor = cache(lambda: load_predictor(detector, options))  # not needed when all is done
    total = None if source.scene_count is None else selection.count_of(source.scene_count)
    with progress("Predicting (scenes)", total) as advance:
        for scene in source.read(issues, selection):
            try:
                part = kept.of(scene, partial(_predict, scene, predictor))
                _bring_up_to_date(part, scene, model_version)
            except ImageError as error:
                issues.add(scene.id, "image does not decode", error)
            else:
                yield scene.id, part
            advance(1)


def _predict(scene: Scene, predictor: Callable[[], Predictor]) -> ScenePrediction:
    ready = predictor()
    started = time.monotonic()
    boxes, width, height = ready.find_in_scene(scene.path)
    return ScenePrediction(
        scene_id=scene.id,
        location=scene.location,
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
        location=scene.location,
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
