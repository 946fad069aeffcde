"""A training that goes on from the detector in production."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from utils.dataset.labeled import LabeledTile
from utils.dataset.replay import new_tiles, replayed_tiles
from utils.detection.detector import Detector
from utils.detection.ultralytics.going_on import going_on, named_after
from utils.detection.ultralytics.options import TrainingOptions
from utils.geometry import Window
from utils.shapes.shapes import Shapes

OPTIONS = TrainingOptions(start="production", replay=0.5, known_as={"ship": "boat"})


def detector(best: str) -> Detector:
    return Detector(
        best=Path(best),
        last=Path(best),
        class_names=("ship",),
        task="detect",
        image_size=64,
        checkpoint="gs://weights/yolov8n.pt",
        arguments={},
        metrics={},
        epochs=1,
        data_fingerprint="",
        run_fingerprint="",
    )


def tile(name: str, x: float = 0.0, sha256: str = "0") -> LabeledTile:
    shapes = Shapes(np.array([[x, 0, x + 9, 9]]), ("ship",))
    return LabeledTile(name, name, Window(x=0, y=0, width=64, height=64), "", sha256, shapes)


def test_it_begins_with_the_weights_in_production():
    found = going_on(OPTIONS, detector("/champion/best.pt"))
    assert (found.model_checkpoint, found.known_as, found.replay) == (
        *("/champion/best.pt", {}, 0.5),
    )


@pytest.mark.parametrize(
    ("champion", "told"),
    [(None, "nothing is in production"), (detector("/best.onnx"), "it is a network in ONNX")],
)
def test_without_weights_to_go_on_from_it_begins_anew_and_says_so(champion, told, caplog):
    found = going_on(OPTIONS, champion)
    assert (found.start, found.replay, found.known_as) == ("checkpoint", None, OPTIONS.known_as)
    assert told in caplog.text


def test_a_replay_share_needs_a_detector_to_go_on_from():
    with pytest.raises(ValidationError, match="start: production"):
        TrainingOptions(replay=0.5)


def test_the_card_names_versions_and_no_path():
    second = named_after(detector("/champion/best.pt"), detector("/best.pt"), "version 1")
    assert second.checkpoint == "version 1, from yolov8n.pt"
    third = named_after(replace(second), second, "version 2")
    assert third.checkpoint == "version 2, from yolov8n.pt"


def test_tiles_with_other_labels_or_pixels_are_new():
    learned = [tile("same"), tile("moved"), tile("redrawn")]
    labels = [tile("same"), tile("moved", x=5), tile("redrawn", sha256="1"), tile("added")]
    assert new_tiles(labels, learned) == {"moved", "redrawn", "added"}


@given(st.integers(0, 40), st.integers(1, 40), st.sampled_from([0.0, 0.25, 0.5, 0.9, 1.0]))
def test_all_new_tiles_are_shown_and_the_share_of_old_ones_is_as_asked(old, new, share):
    fresh = {f"new-{number}" for number in range(new)}
    shown = replayed_tiles([*fresh, *(f"old-{number}" for number in range(old))], fresh, share)
    assert fresh <= set(shown)
    kept = len(shown) - new
    wanted = old if share == 1 else min(old, round(new * share / (1 - share)))
    assert kept == wanted


def test_without_new_tiles_all_are_shown():
    assert replayed_tiles(["a", "b"], set(), 0.5) == ["a", "b"]
