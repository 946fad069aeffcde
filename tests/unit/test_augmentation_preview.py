"""The preview shows what a training will see: tiles and boxes as they are augmented."""

from __future__ import annotations

import random

import numpy as np
import pytest

from tests.fixtures.detector import tiny_options, tiny_tiles
from utils.dataset.labeled import LabeledDataset
from utils.dataset.splits import Split
from utils.detection.ultralytics.augmentation_preview import preview_augmentations
from utils.errors import ConfigurationError
from utils.reports.augmentation_page import augmentation_page

FLIP = {"name": "HorizontalFlip", "p": 0.001}
BRIGHT = 200


@pytest.fixture
def preview(local_state, tmp_path):
    tiles, splits = tiny_tiles(tmp_path / "tiles", 12)
    labels = LabeledDataset.write(tmp_path / "labels.parquet", ["ship"], tiles)
    images = {tile.tile_id: tmp_path / "tiles" / f"{tile.tile_id}.png" for tile in tiles}

    def make(splits=splits, **options):
        chosen = tiny_options(**options)
        return preview_augmentations(labels, splits, images, tmp_path / "preview", chosen)

    return make


def assert_box_on_object(view):
    """The bright pixels fill the box."""
    rows, columns = np.nonzero(view.pixels[..., 0] > BRIGHT)
    seen = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
    assert view.boxes.xyxy.tolist() == [pytest.approx(seen, abs=1)]
    assert view.boxes.labels == ("ship",)


def test_each_augmentation_is_shown_with_its_boxes_however_seldom_it_is(preview):
    shown = preview(augmentations=(FLIP, {"name": "Blur", "p": 0.5, "blur_limit": 3}))
    assert len(shown) == 6
    for tile in shown:
        assert [view.caption for view in tile.alone] == ["HorizontalFlip (0.001)", "Blur (0.5)"]
        assert_box_on_object(tile.original)
        assert_box_on_object(tile.alone[0])
        assert np.array_equal(tile.alone[0].pixels, tile.original.pixels[:, ::-1])
        assert len(tile.trained) == 3
    page = augmentation_page(shown)
    assert page.count("HorizontalFlip (0.001)</figcaption>") == 6


def test_what_is_shown_depends_on_the_seed_and_on_nothing_else(preview):
    def pixels(seed):
        return np.stack([view.pixels for tile in preview(seed=seed) for view in tile.trained])

    before = random.getstate()
    first = pixels(1)
    assert random.getstate() == before
    random.seed(99)
    assert np.array_equal(pixels(1), first)
    assert not np.array_equal(pixels(2), first)


def test_boxes_lie_on_their_objects_in_training_too(preview):
    plain = {"mosaic": 0.0, "scale": 0.0, "hsv_v": 0.0, "translate": 0.2}
    shown = preview(arguments=plain, augmentations=({"name": "HorizontalFlip", "p": 0.5},))
    whole = [view for tile in shown for view in tile.trained if len(view.boxes)]
    assert len(whole) > 9
    for view in whole:
        assert_box_on_object(view)


def test_where_nothing_can_be_trained_nothing_is_shown(preview):
    shown = preview(splits={f"harbour/{number}.png": Split.TEST for number in range(12)})
    assert shown == []
    assert "no tiles to train on" in augmentation_page(shown)


def test_a_training_on_a_share_of_the_tiles_is_shown_on_all_of_them(preview):
    assert len(preview(arguments={"fraction": 0.2})) == 6


def test_a_value_that_ultralytics_refuses_is_one_clear_error(preview):
    with pytest.raises(ConfigurationError, match="refuses a training argument: 'mosaic=2"):
        preview(arguments={"mosaic": 2.0})
