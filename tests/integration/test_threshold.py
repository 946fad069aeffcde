"""The confidence of a detector is chosen on val, kept with it, and used."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.builders import boxes
from tests.fixtures.detector import tiny_tiles
from utils.detection.detector import Detector
from utils.detection.options import InferenceOptions
from utils.detection.predictor import load_predictor
from utils.evaluation.curves import count_boxes
from utils.evaluation.matching import match_classes
from utils.evaluation.options import EvaluationOptions
from utils.evaluation.predict_tiles import predict_tiles
from utils.evaluation.scale_cost import with_recall_by_scale, with_scale
from utils.evaluation.threshold import FALLBACK, with_confidence

OPTIONS = EvaluationOptions(device="cpu")


@pytest.fixture
def tiles(tmp_path):
    return tiny_tiles(tmp_path, 4)[0]


def test_a_detector_keeps_the_confidence_chosen_for_it(tiny_detector, tmp_path):
    replace(tiny_detector, confidence=0.37).save(tmp_path)
    assert Detector.load(tmp_path).confidence == 0.37


def test_a_detector_that_finds_nothing_gets_a_fallback_and_says_so(tiny_detector, tiles, tmp_path):
    elsewhere = [replace(tile, shapes=boxes((0, 0, 2, 2))) for tile in tiles]
    images = {tile.tile_id: Path(tile.uri) for tile in tiles}
    with_confidence(tiny_detector, elsewhere, images, OPTIONS).save(tmp_path)
    weak = Detector.load(tmp_path)
    assert weak.confidence <= FALLBACK
    assert "as a fallback, since none of the 4 objects of val was found" in weak.threshold()
    assert sum(weak.confidence_counts) >= 4  # there is something to see


def test_without_an_object_there_is_no_confidence(tiny_detector, tiles):
    bare = [replace(tile, shapes=boxes()) for tile in tiles]
    images = {tile.tile_id: Path(tile.uri) for tile in tiles}
    assert with_confidence(tiny_detector, bare, images, OPTIONS).confidence is None


@pytest.mark.parametrize("augment", [False, True], ids=["plain", "augmented"])
def test_the_confidence_has_the_best_f1_on_the_tiles(augment, tiny_detector, tiles):
    options = OPTIONS.updated(augment=augment)
    images = {tile.tile_id: Path(tile.uri) for tile in tiles}
    (predicted,) = predict_tiles([tiny_detector], tiles, images, options)
    # Its predictions count as true, so that there is something to find.
    found = [
        replace(tile, shapes=seen.found.select(np.arange(1)))
        for tile, seen in zip(tiles, predicted.tiles, strict=True)
    ]
    chosen = with_confidence(tiny_detector, found, images, options)
    (predicted,) = predict_tiles([tiny_detector], found, images, options)
    counts = count_boxes(match_classes(predicted.tiles, ("ship",)))
    assert chosen.confidence is not None
    at_chosen = count_boxes(
        match_classes(predicted.tiles, ("ship",)), np.array([chosen.confidence])
    )
    assert at_chosen.f1.item() == pytest.approx(counts.f1.max())


@pytest.mark.parametrize(
    ("wanted", "chosen", "used", "where"),
    [
        pytest.param("auto", 0.4, 0.4, "on val", id="chosen in training"),
        pytest.param("auto", None, 0.25, "nowhere", id="never chosen"),
        pytest.param(0.1, 0.4, 0.1, "in the configuration", id="configured"),
        pytest.param(0, 0.4, 0, "in the configuration", id="everything"),
    ],
)
def test_inference_uses_what_was_chosen_unless_told_otherwise(
    tiny_detector, wanted, chosen, used, where
):
    detector = replace(tiny_detector, confidence=chosen)
    options = InferenceOptions(confidence=wanted, device="cpu", backend="pytorch")
    assert load_predictor(detector, options).network.predictor.args.conf == used
    assert detector.least_score_chosen(wanted).startswith(where)


def test_a_detector_keeps_what_another_scale_costs(tiny_detector, tiles, tmp_path):
    images = {tile.tile_id: Path(tile.uri) for tile in tiles}
    (predicted,) = predict_tiles([tiny_detector], tiles, images, OPTIONS)
    found = [
        replace(tile, shapes=seen.found.select(np.arange(1)))
        for tile, seen in zip(tiles, predicted.tiles, strict=True)
    ]
    sure = replace(with_scale(tiny_detector, found), confidence=0.001)
    measured = with_recall_by_scale(sure, found, images, OPTIONS)
    assert measured.tile_side == max(found[0].window.width, found[0].window.height)
    assert measured.recall_by_scale.keys() == {"1", "0.5", "0.7", "1.4"}
    assert measured.recall_by_scale["1"] == 1
    assert all(0 <= recall <= 1 for recall in measured.recall_by_scale.values())
    measured.save(tmp_path / "kept")
    assert Detector.load(tmp_path / "kept").recall_by_scale == measured.recall_by_scale
