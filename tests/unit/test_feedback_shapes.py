"""Feedback with every kind: scores, candidates, picked tiles, and what is sent of them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.outlines import HEIGHT, WIDTH, shapes_of_kind
from tests.unit.test_annotation_tasks import tile_with
from utils.detection.predictions import ScenePrediction
from utils.feedback.candidates import candidate, candidates
from utils.feedback.choose import write_picked
from utils.feedback.options import FeedbackOptions
from utils.feedback.pick import pick
from utils.feedback.scores import class_uncertainty
from utils.feedback.sendable import boxes_to_send, preannotation_of, told_about
from utils.geometry import FloatArray, Window
from utils.shapes.outlines import oriented_boxes
from utils.shapes.shapes import ShapeKind, Shapes
from utils.storage.store import open_store
from utils.tiling.options import TilingOptions
from utils.tiling.tile import Tile

CLASSIFY = ShapeKind.CLASSIFY


def scored(shapes: Shapes, *scores: float) -> Shapes:
    return replace(shapes, scores=np.array(scores or np.linspace(0.9, 0.3, len(shapes))))


def classes(**scores: float) -> Shapes:
    """The classes found for an image, with their scores."""
    xyxy = np.array([(0, 0, WIDTH, HEIGHT)] * len(scores), dtype=float)
    found: FloatArray = np.array(list(scores.values()))
    return Shapes(xyxy, tuple(scores), found, kind=CLASSIFY)


@pytest.mark.parametrize("kind", ShapeKind)
@given(data=st.data())
def test_a_detector_that_agrees_with_the_labels_disagrees_with_nothing(
    kind: ShapeKind, data: st.DataObject
) -> None:
    truth = data.draw(shapes_of_kind(kind).filter(_lie_apart))
    one = candidate(tile_with(truth), scored(truth), "1", truth, 0.25)
    assert one.disagreement == pytest.approx(0, abs=1e-6)
    assert 0 <= one.uncertainty <= 1
    assert one.labels == set(truth.labels)


def _lie_apart(shapes: Shapes) -> bool:
    return bool((shapes.overlaps(shapes) - np.eye(len(shapes)) < 0.4).all())


@pytest.mark.parametrize(
    ("truth", "found", "expected"),
    [
        pytest.param("ship", classes(buoy=0.8), 0.8, id="another class"),
        pytest.param("ship", classes(ship=0.6, buoy=0.4), 0, id="the best class of two"),
        pytest.param("buoy", classes(buoy=0.4, ship=0.6), 0.6, id="the second best of two"),
    ],
)
def test_classes_disagree_by_the_score_of_the_best(
    truth: str, found: Shapes, expected: float
) -> None:
    label = Shapes.of_image(WIDTH, HEIGHT, truth)
    one = candidate(tile_with(None), found, "1", label, 0.25)
    assert one.disagreement == pytest.approx(expected)


def test_an_image_without_a_class_is_unlabelled() -> None:
    one = candidate(tile_with(None), classes(ship=0.8), "1", Shapes(kind=CLASSIFY), 0.25)
    assert one.truth is None
    assert one.disagreement is None


@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        pytest.param((1.0,), 0, id="sure"),
        pytest.param((0.75,), 0.5, id="the rest may be one class"),
        pytest.param((0.4,), 1, id="another may be as likely"),
        pytest.param((0.5, 0.5), 1, id="two alike"),
        pytest.param((0.2, 0.7, 0.1), 0.5, id="in any order"),
        pytest.param((), 0, id="no prediction"),
    ],
)
def test_a_class_is_uncertain_as_its_margin_is_small(
    scores: tuple[float, ...], expected: float
) -> None:
    assert class_uncertainty(np.array(scores)) == pytest.approx(expected)


def test_a_turned_ship_beside_its_label_is_elsewhere_though_their_hulls_are_alike() -> None:
    kind = ShapeKind.OBB
    truth, found = (
        Shapes.of_outlines(oriented_boxes([(320, 240)], [(200, 20)], [turn]), ["ship"], kind=kind)
        for turn in (45, 135)
    )
    np.testing.assert_allclose(truth.xyxy, found.xyxy)
    one = candidate(tile_with(truth), scored(found, 0.8), "1", truth, 0.25)
    assert one.disagreement == pytest.approx(0.8)


@pytest.mark.parametrize("kind", ShapeKind)
@settings(max_examples=15)
@given(data=st.data())
def test_picked_tiles_keep_their_shapes_and_send_the_confident_ones(
    kind: ShapeKind, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("picked")
    found = scored(data.draw(shapes_of_kind(kind)))
    scene = ScenePrediction("harbour/a.png", "/nowhere.png", WIDTH, HEIGHT, found, "4")
    tile = tile_with(None)
    every = candidates([tile], confidence=0.6, predictions=[scene])
    picked = pick(every, FeedbackOptions(budget=1))
    store = open_store(str(folder / "store"))
    table, manifest = write_picked(picked, ["ship", "buoy"], store, TilingOptions(), folder, kind)
    (back,) = list(table)
    assert (table.kind, manifest.kind) == (kind, kind)
    assert back.found == found.clipped((0, 0, WIDTH, HEIGHT))
    suggested = preannotation_of(back)
    assert suggested is not None
    assert (suggested.shapes.confidences >= 0.6).all()
    assert told_about([back]).startswith(f"{len(suggested.shapes)} {kind.noun} that score")


def test_the_best_class_goes_to_people(tmp_path: Path) -> None:
    tile = tile_with(None)
    scene = classes(ship=0.3, buoy=0.6, whale=0.1)
    every = candidates(
        [tile],
        confidence=0.25,
        predictions=[ScenePrediction("harbour/a.png", "/x.png", WIDTH, HEIGHT, scene, "4")],
    )
    (picked,) = pick(every, FeedbackOptions(budget=1))
    sent = boxes_to_send(picked)
    assert sent is not None
    assert sent.labels == ("buoy",)


def test_the_class_of_a_window_is_that_of_no_other_window() -> None:
    windows = [Window(x=x, y=0, width=WIDTH, height=HEIGHT) for x in (0, 160)]
    tiles = [replace(tile_with(None), tile_id=f"{w.x}", window=w) for w in windows]
    xyxy = np.array([(0, 0, WIDTH, HEIGHT), (160, 0, 160 + WIDTH, HEIGHT)], dtype=float)
    found = Shapes(xyxy, ("ship", "buoy"), np.array([0.9, 0.8]), kind=CLASSIFY)
    every = _candidates(tiles, found)
    assert every == [("ship",), ("buoy",)]
    beside = found.shifted(20, 0)
    assert _candidates(tiles, beside) == [("ship",), ("buoy",)]
    whole = Shapes(np.array([(0.0, 0, 3000, 2000)]), ("ship",), np.array([0.9]), kind=CLASSIFY)
    assert _candidates(tiles, whole) == [(), ()]


def _candidates(tiles: list[Tile], found: Shapes) -> list[tuple[str, ...]]:
    scene = ScenePrediction("harbour/a.png", "/x.png", 800, HEIGHT, found, "4")
    every = candidates(tiles, confidence=0.25, predictions=[scene])
    return [one.found.labels if one.found is not None else () for one in every]
