"""The page of picked tiles shows which boxes go to people, and which do not."""

from __future__ import annotations

import re

import numpy as np
import pytest

from tests.builders import boxes, make_tile
from utils.feedback.picked import PickedTile, PickedTiles, Reason
from utils.feedback.sendable import preannotation_of, sent_boxes, told_about
from utils.reports.picked_page import picked_page
from utils.shapes.shapes import Shapes


def found(*scores: float) -> Shapes:
    corners = [(8.0 * index, 4, 8.0 * index + 6, 12) for index in range(len(scores))]
    return Shapes(boxes(*corners).xyxy, ("ship",) * len(scores), np.array(scores))


@pytest.fixture
def picked(tmp_path):
    def make(*tiles: Shapes | None, confidence: float) -> PickedTiles:
        rows = [
            PickedTile(
                make_tile(tmp_path, x=100 * number),
                number + 1,
                0.5,
                Reason.UNCERTAIN,
                found=one,
                model_version="3",
                confidence=confidence,
            )
            for number, one in enumerate(tiles)
        ]
        return PickedTiles.write(tmp_path / "picked.parquet", ["ship"], rows)

    return make


def test_the_page_draws_what_is_sent_and_apart_from_it_what_is_not(picked):
    tiles = picked(found(0.9, 0.5, 0.2), found(0.1), None, confidence=0.4)
    page = picked_page(tiles)
    sent = sum(len(preannotation_of(one).shapes) for one in tiles if one.found is not None)
    assert page.count('<rect class="found"') == sent == 2
    assert page.count('<rect class="faint"') == 2
    assert "2 boxes that score at least 0.40 go with them; 2 that score less stay here" in page
    assert "below the minimum score: not sent" in page


def test_where_no_box_is_sent_the_summary_says_what_to_do(picked):
    weak = [found(*[0.2] * 6), found(0.3)]
    told = told_about(picked(*weak, confidence=0.99))
    assert told.startswith("0 boxes that score at least 0.99 go with them; 7 that score less")
    proposed = float(re.findall(r"feedback\.confidence=([\d.]+)", told)[0])
    assert sent_boxes(picked(*weak, confidence=proposed))[0] > 0


def test_without_predictions_nothing_is_said_to_be_kept_back(picked):
    assert told_about(picked(None, confidence=0.3)).startswith("0 boxes")
    assert "feedback.confidence" not in told_about(picked(None, confidence=0.3))
