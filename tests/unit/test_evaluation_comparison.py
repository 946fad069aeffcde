"""A promotion is decided by every class, not by their mean."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.evaluations import evaluated
from utils.dataset.labeled import LabeledTile
from utils.detection.detector import Detector
from utils.evaluation.comparison import compare_predictions
from utils.evaluation.options import BootstrapOptions, EvaluationOptions, PromotionOptions
from utils.evaluation.predict_tiles import TilePredictions
from utils.geometry import Window
from utils.shapes.shapes import Shapes

SCENES = 10
SHIP, BUOY = (10, 10, 30, 30), (60, 60, 80, 80)
BOTH = Shapes(np.array([SHIP, BUOY], dtype=float), ("ship", "buoy"))
QUICK = EvaluationOptions(bootstrap=BootstrapOptions(samples=100))


@pytest.fixture
def detector(tmp_path: Path) -> Detector:
    """Weights that nobody predicts with: what both found is given."""
    weights = tmp_path / "best.pt"
    weights.write_bytes(b"weights")
    return Detector(
        best=weights,
        last=weights,
        class_names=("ship", "buoy"),
        task="detect",
        image_size=64,
        checkpoint="",
        arguments={},
        metrics={},
        epochs=1,
        data_fingerprint="",
        run_fingerprint="",
    )


def predicted(ships: int, buoys: int) -> TilePredictions:
    """Images of one ship and one buoy a scene, so many of each found."""
    tiles = []
    for number in range(SCENES):
        is_found = np.array([number < ships, number < buoys])
        seen = Shapes(BOTH.xyxy, BOTH.labels, np.array([0.9, 0.8])).select(is_found)
        tiles.append(evaluated(BOTH, seen, scene=f"port/{number}"))
    return TilePredictions(tiles, 0.01)


@pytest.mark.parametrize(
    ("buoys", "holds"),
    [pytest.param(9, True, id="a little worse"), pytest.param(7, False, id="much worse")],
)
def test_a_gain_on_one_class_does_not_make_up_for_a_loss_on_another(detector, buoys, holds):
    both = [predicted(ships=2, buoys=9), predicted(ships=10, buoys=buoys)]
    window = Window(x=0, y=0, width=100, height=100)
    tiles = [
        LabeledTile(f"port/{number}-0", f"port/{number}", window, "", "", BOTH)
        for number in range(SCENES)
    ]
    options = PromotionOptions(class_floor=0.1)

    comparison = compare_predictions(("1", detector), ("2", detector), both, tiles, options, QUICK)

    assert comparison.challenger.score.value > comparison.champion.score.value
    assert comparison.promotes == holds
    if not holds:
        assert "worse by at most 0.1 on any class: -0.2" in comparison.verdict
        assert "on buoy" in comparison.verdict


def test_a_gain_that_too_few_scenes_decide_names_what_would_help(detector):
    few = 3
    both = [TilePredictions(predicted(ships, 9).tiles[:few], 0.01) for ships in (1, 2)]
    window = Window(x=0, y=0, width=100, height=100)
    tiles = [LabeledTile(f"p/{n}-0", f"port/{n}", window, "", "", BOTH) for n in range(few)]
    promotion = PromotionOptions(confidence=0.99)
    comparison = compare_predictions(
        ("1", detector), ("2", detector), both, tiles, promotion, QUICK
    )
    better = comparison.rules[0]
    assert not better.holds
    assert "worth 3.0 of equal size; pin more to test" in better.measured
