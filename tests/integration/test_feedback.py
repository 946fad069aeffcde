"""From predictions to picked tiles, with a real detector's eyes and a real store."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from tests.builders import labeled, make_tile, write_image
from tests.fixtures.detector import SIDE, tiny_tiles
from utils.curation.cutting import tiles_of_predicted
from utils.detection.detector import Detector
from utils.detection.predictions import ScenePrediction
from utils.detection.ultralytics.embeddings import embed_images
from utils.feedback.candidates import candidates
from utils.feedback.options import FeedbackOptions
from utils.feedback.pick import pick
from utils.feedback.picked import PickedTile, PickedTiles, Reason
from utils.feedback.predict_tiles import embedder, with_predictions
from utils.feedback.sendable import preannotation_of, stored_tile
from utils.issues import IssueReport
from utils.reports.picked_page import picked_page
from utils.scenes.scene import Scene, SceneSource
from utils.shapes.shapes import Shapes
from utils.storage.store import open_store
from utils.tiling.ingest import ingest_scenes
from utils.tiling.options import TilingOptions
from utils.tiling.tile import Tile

TILING = TilingOptions(tile_size=64, overlap=0)
FOUND = Shapes(np.array([[4, 4, 20, 20], [70, 4, 90, 20]]), ("ship", "ship"), np.array([0.1, 0.9]))


@pytest.fixture
def prediction(tmp_path: Path) -> ScenePrediction:
    """Predictions of a scene of two tiles that was never ingested."""
    image = write_image(tmp_path / "scene.png", 128, 64)
    return ScenePrediction("port/scene.png", str(image), 128, 64, FOUND, "7")


def test_tiles_of_a_scene_that_was_never_ingested_are_stored_where_an_ingest_puts_them(
    prediction: ScenePrediction, tmp_path: Path
) -> None:
    store = open_store(str(tmp_path / "store"))
    tiles = tiles_of_predicted((), [prediction], TILING, IssueReport())
    stored = [stored_tile(tile, store, TILING) for tile in tiles]

    scene = Scene(prediction.scene_id, Path(prediction.location))
    source = SceneSource("port", (), 1, lambda _, selection: selection.of([scene]))
    ingested = ingest_scenes(source, store, TILING, manifest_path=tmp_path / "m.parquet")
    assert stored == list(ingested.manifest)
    assert [stored_tile(tile, store, TILING) for tile in stored] == stored


def test_the_rest_of_a_scene_can_be_picked_after_one_of_its_tiles_was(
    prediction: ScenePrediction, tmp_path: Path
) -> None:
    one, other = tiles_of_predicted((), [prediction], TILING, IssueReport())
    gone = make_tile(tmp_path, "port/gone.png")

    def ids(*picked_before: Tile) -> list[str]:
        tiles = tiles_of_predicted((), [prediction], TILING, IssueReport(), alone=picked_before)
        return [tile.tile_id for tile in tiles]

    assert ids(one) == [one.tile_id, other.tile_id]
    assert ids(gone, one) == [one.tile_id, other.tile_id, gone.tile_id]


def test_a_picked_tile_is_sent_with_the_boxes_that_are_worth_peoples_time(
    prediction: ScenePrediction,
) -> None:
    tiles = tiles_of_predicted((), [prediction], TILING, IssueReport())
    found = candidates(tiles, confidence=0.25, predictions=[prediction])
    sent = [preannotation_of(one) for one in pick(found, FeedbackOptions(random_share=0))]
    assert [(one.model_version, one.shapes.scores.tolist()) for one in sent if one] == [
        ("7", []),
        ("7", [0.9]),
    ]


def test_a_tile_that_somebody_has_reviewed_or_skipped_is_left_alone_unless_it_is_tagged(
    tmp_path: Path,
) -> None:
    tiles = [make_tile(tmp_path, "port/scene.png", x=x, width=64, height=64) for x in (0, 64, 128)]
    prediction = ScenePrediction("port/scene.png", "/nowhere.png", 192, 64, FOUND, "7")
    reviewed, skipped, other = tiles

    def picked(*tags: str) -> list[str]:
        found = candidates(
            tiles,
            confidence=0.25,
            labels=labeled([reviewed]),
            predictions=[prediction],
            skipped={skipped.tile_id},
            tagged=set(tags),
        )
        options = FeedbackOptions(random_share=0)
        return [one.tile.tile_id for one in pick(found, options, tagged=set(tags))]

    assert picked() == [other.tile_id]
    assert picked(reviewed.tile_id) == [reviewed.tile_id, other.tile_id]
    assert picked(skipped.tile_id) == [skipped.tile_id, other.tile_id]


def test_tiles_that_wait_are_looked_at_again_where_nothing_newer_was_predicted(
    prediction: ScenePrediction, tiny_detector: Detector, tmp_path: Path
) -> None:
    waiting = make_tile(tmp_path, "earlier.png", width=SIDE, height=SIDE)
    tiles = [*tiles_of_predicted((), [prediction], TILING, IssueReport()), waiting]

    def picked(version: str) -> PickedTile:
        found = candidates(
            tiles, confidence=0.0001, predictions=[prediction], sent={waiting.tile_id}
        )
        picks = pick(found, FeedbackOptions(random_share=0), sent={waiting.tile_id})
        assert [one.reason for one in picks].count(Reason.WAITING) == 1
        return with_predictions(picks, tiny_detector, version, issues)[-1]

    issues = IssueReport()
    of_same, of_other = picked("7"), picked("8")
    assert of_same.tile == of_other.tile == waiting
    sent = preannotation_of(of_same)
    assert sent is not None
    assert sent.model_version == "7"
    assert len(sent.shapes) > 0
    assert preannotation_of(of_other) is None

    assert len(issues) == 0
    Path(waiting.uri).unlink()
    assert preannotation_of(picked("7")) is None
    assert [issue.item for issue in issues.issues] == [waiting.uri]


def test_a_box_that_the_detector_hardly_believes_in_makes_no_class(
    prediction: ScenePrediction,
) -> None:
    tiles = tiles_of_predicted((), [prediction], TILING, IssueReport())
    found = candidates(tiles, confidence=0.25, predictions=[prediction])
    assert [one.labels for one in found] == [set(), {"ship"}]


def test_candidates_know_whether_their_scene_judges_detectors(prediction: ScenePrediction) -> None:
    def held_out(*scenes: str) -> list[bool]:
        tiles = tiles_of_predicted((), [prediction], TILING, IssueReport())
        found = candidates(tiles, confidence=0.25, predictions=[prediction], held_out=set(scenes))
        return [one.held_out for one in found]

    assert held_out("port/scene.png") == [True, True]
    assert held_out("port/other.png") == [False, False]


def test_equal_images_are_embedded_alike_and_others_apart(
    tiny_detector: Detector, tmp_path: Path
) -> None:
    images = [write_image(tmp_path / f"{n}.png", SIDE, SIDE, seed=n // 2) for n in range(6)]
    vectors = embed_images(tiny_detector, images, device="cpu")
    alike = vectors @ vectors.T
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1)
    np.testing.assert_allclose([alike[0, 1], alike[2, 3], alike[4, 5]], 1, atol=1e-6)
    assert max(alike[0, 2], alike[0, 4], alike[2, 4]) < 0.9


def test_the_page_shows_the_tiles_and_why_they_were_picked(
    tiny_detector: Detector, tmp_path: Path
) -> None:
    known, _ = tiny_tiles(tmp_path / "known", 4)
    tiles = [make_tile(tmp_path / "tiles", f"port/{n}.png", seed=n) for n in range(6)]
    predictions = [
        ScenePrediction(tile.scene_id, "/nowhere.png", 64, 48, FOUND.select([0]), "7")
        for tile in tiles
    ]
    options = FeedbackOptions(budget=4, random_share=0.25)
    found = candidates(tiles, confidence=0.25, predictions=predictions)
    picked = pick(found, options, embedder(tiny_detector, known, options))
    assert Counter(one.reason.value for one in picked)["random"] == 1
    assert all(one.novelty is not None for one in picked)

    page = picked_page(PickedTiles.write(tmp_path / "picked.parquet", ["ship"], picked))
    assert page.count("<img") == 4
    assert "drawn at random" in page
    assert picked[0].tile.tile_id in page
