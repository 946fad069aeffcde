"""Advice on the variety of pictures and labels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from utils.dataset.labeled import LabeledTile
from utils.dataset.splits import Split
from utils.dataset.variety import PictureFacts, Pictures, Variety
from utils.detection.predictions import ScenePrediction
from utils.feedback.pictures import doubtful_labels, measured, noted_pictures
from utils.geometry import Window
from utils.monitoring.notes import Note
from utils.shapes.shapes import Shapes

SIDE = 100


def tile(number: int, *, corner: float = 0.0, side: float = 20.0) -> LabeledTile:
    box = np.array([[corner, corner, corner + side, corner + side]])
    window = Window(x=0, y=0, width=SIDE, height=SIDE)
    return LabeledTile(f"t{number}", f"s/{number}", window, "", "0", Shapes(box, ("ship",)))


def facts(number: int, brightness: float, **others) -> PictureFacts:
    words = np.random.default_rng(number).integers(0, 1 << 62, 2, dtype=np.uint64)
    return PictureFacts(brightness, **{"contrast": 0.2, "sharpness": 0.1, "hash": words, **others})


TILES = [tile(n, corner=3.0 * n % 70, side=10.0 + n) for n in range(30)]
FACTS = {f"t{n}": facts(n, 0.3 + n / 100) for n in range(30)}


def advice(tiles=TILES, pictures=None, splits=None) -> list[str]:
    variety = Variety()
    for one in tiles:
        variety.add(one, (splits or {}).get(one.tile_id, Split.TRAIN))
    return list(variety.advice(pictures or Pictures(FACTS), "boxes"))


def test_varied_labels_need_no_advice():
    assert advice() == []


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        pytest.param(
            {"pictures": Pictures({f"t{n}": facts(n, 0.4 + n / 10_000) for n in range(30)})},
            "little variety of brightness: nearly all training tiles are between 0.40 and 0.40",
            id="one light",
        ),
        pytest.param(
            {"pictures": Pictures(FACTS, [facts(n, 0.1) for n in range(20)])},
            "100% of 20 pictures to be predicted are darker than 99 % of the training tiles "
            "(brightness 0.10 against 0.44). Label some of them: --feedback",
            id="night to come",
        ),
        pytest.param(
            {"pictures": Pictures(FACTS, [facts(n, 0.4, sharpness=0.01) for n in range(20)])},
            "100% of 20 pictures to be predicted are more blurred than",
            id="blur to come",
        ),
        pytest.param(
            {"tiles": [tile(n, corner=45 - n / 2, side=10.0 + n) for n in range(30)]},
            "little variety of place: 100% of the training boxes are in the middle",
            id="in the middle",
        ),
        pytest.param(
            {"tiles": [tile(n, corner=3.0 * n % 70) for n in range(30)]},
            "little variety of size: most training boxes are 20 to 20 pixels large",
            id="one size",
        ),
        pytest.param(
            {"splits": {"t7": Split.TEST}, "pictures": Pictures({**FACTS, "t7": FACTS["t8"]})},
            "1 of 1 tiles of val and test look like training tiles (t7)",
            id="leak",
        ),
        pytest.param(
            {"pictures": Pictures(FACTS | {f"t{n}": FACTS["t0"] for n in range(5)})},
            "near-duplicates: 4 of 30 training tiles look like another one (t1, t2, t3, ...)",
            id="near-duplicates",
        ),
        pytest.param(
            {"pictures": Pictures(FACTS, doubtful=["t3", "t9"], compared=30)},
            "doubtful labels: on 2 of 30 tiles the detector is sure and the labels say something "
            "else (t3, t9). Look at them: --feedback",
            id="doubts",
        ),
    ],
)
def test_each_lack_is_one_sentence_with_its_numbers_and_a_remedy(arguments, told):
    (sentence,) = advice(**arguments)
    assert sentence.startswith(told)


def test_nothing_is_said_of_few_labels():
    assert advice([tile(n) for n in range(5)]) == []


def test_labels_that_a_sure_detector_contradicts_are_doubtful():
    box = np.array([[50.0, 50, 70, 70]])
    sure = ScenePrediction("s/1", "", SIDE, SIDE, Shapes(box, ("ship",), np.array([0.95])), "1")
    unsure = ScenePrediction("s/2", "", SIDE, SIDE, Shapes(box, ("ship",), np.array([0.5])), "1")
    right = ScenePrediction(
        "s/3", "", SIDE, SIDE, Shapes(tile(3).shapes.xyxy, ("ship",), np.array([0.95])), "1"
    )
    labels = [tile(3), tile(2), tile(1), tile(4)]
    assert doubtful_labels(labels, [sure, unsure, right], 0.25) == (["t1"], 3)


def test_pictures_are_measured_as_the_service_measures_them(tmp_path: Path):
    for name, grey in (("dark", 51), ("bright", 204)):
        Image.new("RGB", (40, 40), (grey, grey, grey)).save(tmp_path / f"{name}.png")
    (tmp_path / "no picture.png").write_bytes(b"none")
    found = measured({path.stem: path for path in tmp_path.iterdir()})
    assert {name: round(one.brightness, 2) for name, one in found.items()} == {
        "dark": 0.2,
        "bright": 0.8,
    }
    note = Note(time=1.0, id="a", brightness=0.2, contrast=0.0, sharpness=0.0)
    (noted,) = noted_pictures([note, Note(time=2.0, id="b")])
    assert noted.brightness == pytest.approx(found["dark"].brightness, abs=0.01)
