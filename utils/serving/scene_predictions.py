"""Predict the scenes of a source by a service: each file is sent as it is."""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Any

from utils.detection.predictions import Predictions, ScenePrediction
from utils.errors import ImageError, ServiceError
from utils.images.options import PixelOptions
from utils.images.reader import image_size
from utils.issues import IssueReport
from utils.progress import progress
from utils.scenes.scene import Scene, SceneSource
from utils.serving.client import Client
from utils.serving.objects import shapes_of
from utils.serving.options import PredictionOptions
from utils.shapes.columns import with_kind
from utils.shapes.grid import Grid
from utils.shapes.shapes import ShapeKind

_FILE = "predictions.parquet"
_ABOUT_THE_IMAGE = (400, 413, 415, 422)


def predict_source(
    source: SceneSource, client: Client, version: str, options: PredictionOptions, folder: Path
) -> tuple[Predictions, IssueReport]:
    """Send every scene of a source to a service, and collect its answers.

    Images of up to `options.image_pixels` are answered at once; larger ones become jobs, whose
    objects are streamed.

    Args:
        source: Scenes, read once, as a stream.
        client: Client of the service.
        version: Version of the model that has to answer.
        options: Minimum score, and the size from which an image is a scene.
        folder: Receives the table.

    Returns:
        One row per scene, in order of scene id, and the scenes that the service refused.

    Raises:
        ServiceError: If the service is not there, or changes its version meanwhile.
    """
    told = client.model()
    issues = IssueReport()
    kind, names = ShapeKind(told["kind"]), tuple(told["class_names"])
    with progress("Predicting by the service (scenes)", source.scene_count) as advance:

        def answered() -> Iterator[ScenePrediction]:
            for scene in source.read(issues):
                if (
                    prediction := _predicted(scene, client, told, version, options, issues)
                ) is not None:
                    yield prediction
                advance(1)

        rows = sorted(answered(), key=lambda prediction: prediction.scene_id)
    table = Predictions.write(folder / _FILE, names, rows, footer=with_kind(kind))
    return table, issues


def _predicted(
    scene: Scene,
    client: Client,
    told: dict[str, Any],
    version: str,
    options: PredictionOptions,
    issues: IssueReport,
) -> ScenePrediction | None:
    """The prediction of a scene; None, and an issue, for one that the service refuses."""
    started = time.monotonic()
    confidence = None if options.confidence == "auto" else options.confidence
    try:
        width, height = image_size(scene.path, PixelOptions())
        ask = (
            client.predict if width * height <= options.image_pixels else partial(_streamed, client)
        )
        answer = ask(scene.path, confidence=confidence)
    except ImageError as fault:
        issues.add(scene.id, "image does not decode", fault)
        return None
    except ServiceError as fault:
        if fault.status not in _ABOUT_THE_IMAGE:
            raise
        issues.add(scene.id, "the service refuses the image", fault)
        return None
    if str(answer["version"]) != version:
        raise ServiceError(
            f"The service changed from version {version} to {answer['version']} between two "
            "scenes. Run it again, so that one version predicts everything."
        )
    kind = ShapeKind(told["kind"])
    windows = (
        Grid.over(width, height, told["tile_size"], told["overlap"]) if kind.has_places else [0]
    )
    return ScenePrediction(
        scene_id=scene.id,
        location=scene.location,
        width=width,
        height=height,
        shapes=shapes_of(answer["objects"], kind),
        model_version=str(answer["version"]),
        truth=scene.shapes,
        tags=scene.tags,
        georeference=scene.georeference,
        seconds=time.monotonic() - started,
        windows=len(windows),
        backend=f"the service at {client.url}",
        group=scene.group or scene.id,
        faint_boxes=None,
        least_score=told["confidence"] if confidence is None else confidence,
        at_edge=tuple(bool(one.get("at_edge")) for one in answer["objects"]),
    )


def _streamed(client: Client, path: Path, confidence: float | None) -> dict[str, Any]:
    """Have a scene predicted as a job; the answer is as for an image."""
    scene = client.scene(path, confidence=confidence)
    try:
        objects = list(client.stream(scene))
    except ServiceError as fault:
        if client.state(scene)["state"] == "failed":
            raise ServiceError(str(fault), HTTPStatus.UNPROCESSABLE_ENTITY) from None
        raise
    return {"objects": objects, "version": client.state(scene)["version"]}
