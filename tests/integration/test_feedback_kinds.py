"""A real detector of every kind picks tiles, and a real Label Studio receives its shapes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.builders import make_tile, write_image
from tests.fixtures.kinds import CLASS_NAMES, SIDE, TinyDetector
from tests.fixtures.label_studio import Harbour
from utils.annotation.label_studio.options import LabelStudioOptions
from utils.annotation.label_studio.regions import shapes_of
from utils.annotation.label_studio.sending import send_tiles
from utils.annotation.label_studio.server import ServerConnection
from utils.feedback.choose import KnownTiles, choose_tiles, write_picked
from utils.feedback.options import FeedbackOptions
from utils.feedback.picked import PickedTile, Reason
from utils.feedback.predict_tiles import with_predictions
from utils.feedback.sendable import preannotation_of
from utils.issues import IssueReport
from utils.reports.picked_page import picked_page
from utils.scenes.scene import Scene
from utils.shapes.shapes import ShapeKind
from utils.storage.store import open_store
from utils.tiling.options import TilingOptions

# The detector has learned nothing: whatever it finds counts.
OPTIONS = FeedbackOptions(budget=4, confidence=0.001)
TILING = TilingOptions(tile_size=SIDE, overlap=0)


@pytest.mark.parametrize("kind", [ShapeKind.OBB, ShapeKind.SEGMENT, ShapeKind.CLASSIFY])
def test_the_shapes_of_a_detector_go_to_people(
    kind: ShapeKind,
    tiny_detector_of: TinyDetector,
    predict: Callable[..., Any],
    label_studio: ServerConnection,
    tmp_path: Path,
) -> None:
    detector = tiny_detector_of(kind)
    images = [write_image(tmp_path / f"{n}.png", SIDE, SIDE, seed=n) for n in range(3)]
    scenes = [Scene(f"port/{image.name}", image) for image in images]
    predictions = predict(scenes, detector=detector).predictions
    assert predictions.kind == kind
    issues = IssueReport()
    picked = choose_tiles(
        predictions, detector, None, KnownTiles(), TILING, OPTIONS, issues, model_version="1"
    )
    assert len(picked) == 3
    assert not issues
    store = open_store(str(tmp_path / "store"))
    table, manifest = write_picked(picked, CLASS_NAMES, store, TILING, tmp_path, kind)
    options = LabelStudioOptions(project=f"picked {kind}")
    bay = Harbour(label_studio, tmp_path, list(manifest), options, CLASS_NAMES, kind)
    suggested = [(one.tile, preannotation_of(one)) for one in table]
    report = send_tiles(bay.client, bay.project, suggested, bay.images, bay.options)
    assert report.added == 3
    tasks = bay.tasks()
    for tile, found in suggested:
        assert found is not None
        (prediction,) = tasks[tile.tile_id]["predictions"]
        back = shapes_of(prediction["result"], SIDE, SIDE, CLASS_NAMES, kind)
        assert back.problems == []
        assert len(back.shapes) == len(found.shapes)
        assert set(back.shapes.labels) == set(found.shapes.labels)
    assert "1" in picked_page(table)


@pytest.mark.parametrize("kind", [ShapeKind.OBB, ShapeKind.SEGMENT, ShapeKind.CLASSIFY])
def test_a_picked_tile_without_a_prediction_gets_one(
    kind: ShapeKind, tiny_detector_of: TinyDetector, tmp_path: Path
) -> None:
    tile = make_tile(tmp_path, width=SIDE, height=SIDE)
    tagged = PickedTile(tile, 1, 1.0, Reason.TAGGED, confidence=0.001)
    issues = IssueReport()
    (back,) = with_predictions([tagged], tiny_detector_of(kind), "2", issues)
    assert not issues
    assert back.model_version == "2"
    assert back.found is not None
    assert back.found.kind == kind or not len(back.found)
