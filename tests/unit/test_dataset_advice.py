"""Advice on the labels of a training."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from utils.dataset.advice import advice_on
from utils.dataset.labeled import LabeledTile
from utils.dataset.options import CheckOptions
from utils.dataset.splits import Split
from utils.geometry import Window
from utils.reports.dataset_page import dataset_page
from utils.shapes.shapes import ShapeKind, Shapes

NAMES = ("ship", "tug")


def tile(number: int, labels: Sequence[str], side: float = 40, scene: int | None = None):
    """A tile of 640 pixels with squares of a side, each of a scene of its own."""
    rows = np.array([[20 * n, 30, 20 * n + side, 30 + side] for n in range(len(labels))])
    shapes = Shapes(rows.reshape(-1, 4).astype(float), tuple(labels))
    name = f"s/{number if scene is None else scene}.png"
    window = Window(x=0, y=0, width=640, height=640)
    return LabeledTile(f"t{number}", name, window, f"/t/{number}.png", "0", shapes)


def advice(tiles, *, image_size=640, few_images=10, kind=ShapeKind.DETECT, names=NAMES):
    splits = {one.scene_id: Split.TRAIN for one in tiles}
    options = CheckOptions(few_images=few_images)
    return advice_on(tiles, splits, kind, names, image_size, options)


GOOD = [tile(n, ["ship", "tug"], side=30 + 2 * n) for n in range(20)] + [
    tile(20 + n, []) for n in range(5)
]


def test_good_labels_need_no_advice():
    assert advice(GOOD) == []


@pytest.mark.parametrize(
    ("tiles", "options", "told"),
    [
        pytest.param(
            [*GOOD, *(tile(50 + n, ["dory"]) for n in range(3))],
            {"names": (*NAMES, "dory", "never")},
            "few training tiles of a class: 'dory' in 3; 1,000 are usual. Label more: --feedback",
            id="few images",
        ),
        pytest.param(
            [
                *(tile(n, ["ship"] * 30, side=30 + 2 * n) for n in range(20)),
                *GOOD[-5:],
                tile(90, ["tug"]),
            ],
            {"few_images": 0},
            "unequal classes: 600 boxes of 'ship', 1 of 'tug'. Show rare classes",
            id="imbalance",
        ),
        pytest.param(
            [
                tile(n, ["ship", "tug"] if n % 4 else [], side=30 + n, scene=n % 2)
                for n in range(40)
            ],
            {},
            "little variety: the 40 training tiles are of 2 scenes that differ",
            id="few scenes",
        ),
        pytest.param(GOOD[:20], {}, "no training tile is empty", id="no empty tile"),
        pytest.param(
            [*GOOD, *(tile(100 + n, []) for n in range(100))],
            {},
            "84% of the training tiles are empty, and cost time",
            id="many empty tiles",
        ),
        pytest.param(
            [*(tile(n, ["ship", "tug"], side=6 + n % 10) for n in range(20)), *GOOD[-5:]],
            {"image_size": 320},
            "100% of the training boxes are smaller than 8 pixels as the network sees them (tiles "
            "of 640 pixels at imgsz 320). Use a larger input: --set training.imgsz=640",
            id="small objects",
        ),
    ],
)
def test_each_lack_is_one_sentence_with_its_numbers_and_a_remedy(tiles, options, told):
    (sentence,) = advice(tiles, **options)
    assert sentence.startswith(told)


def test_only_training_tiles_count():
    test = [tile(n, ["ship"]) for n in range(30)]
    assert advice_on(test, {}, ShapeKind.DETECT, NAMES, 640, CheckOptions()) == []


def test_classes_of_images_have_neither_size_nor_empty_tiles():
    window = Window(x=0, y=0, width=64, height=64)
    classes = (Shapes.of_image(64, 64, NAMES[n % 25 == 0]) for n in range(50))
    tiles = [
        LabeledTile(f"t{n}", f"s/{n}.png", window, "", "0", shapes)
        for n, shapes in enumerate(classes)
    ]
    few, unequal = advice(tiles, kind=ShapeKind.CLASSIFY)
    assert few.startswith("few training tiles of a class: 'tug' in 2")
    assert unequal.startswith("unequal classes: 48 images of 'ship', 2 of 'tug'")


def test_the_page_shows_the_advice(tmp_path):
    from utils.dataset.labeled import LabeledDataset

    dataset = LabeledDataset.write(tmp_path / "d.parquet", NAMES, GOOD[-1:])
    page = dataset_page(dataset, advice=["no training tile is empty. Keep some"])
    assert "No training tile is empty. Keep some." in page
    assert "Advice" not in dataset_page(dataset)
