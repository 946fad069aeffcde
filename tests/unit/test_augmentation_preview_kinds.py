"""Augmented tiles with oriented boxes and polygons, as the training sees them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.fixtures.detector import tiny_options
from tests.fixtures.kinds import CLASS_NAMES, splits_of, tiny_tiles_of
from utils.dataset.labeled import LabeledDataset
from utils.detection.ultralytics.augmentation_preview import preview_augmentations
from utils.shapes.columns import with_kind
from utils.shapes.shapes import ShapeKind


def previewed(folder, kind, **options):
    tiles = tiny_tiles_of(folder / "tiles", kind)
    labels = LabeledDataset.write(
        folder / "labels.parquet", CLASS_NAMES, tiles, footer=with_kind(kind)
    )
    images = {tile.tile_id: Path(tile.uri) for tile in tiles}
    shown = preview_augmentations(labels, splits_of(tiles), images, folder, tiny_options(**options))
    return shown, {tile.tile_id: tile.shapes for tile in tiles}


@pytest.mark.parametrize("kind", [ShapeKind.OBB, ShapeKind.SEGMENT])
def test_the_preview_shows_the_true_shape(tmp_path, kind):
    shown, truth = previewed(tmp_path, kind, augmentations=[{"name": "HorizontalFlip", "p": 0.5}])
    assert len(shown) == 6
    for tile in shown:
        assert tile.original.boxes.kind == kind
        assert tile.original.boxes.overlaps(truth[tile.tile_id]).item() > 0.97
        (flipped,) = tile.alone
        # Albumentations takes points for pixels: it mirrors them about the middle of the pixels.
        mirrored = truth[tile.tile_id].mirrored(63)
        assert flipped.boxes.overlaps(mirrored).item() > 0.97
        for view in tile.trained:
            assert view.boxes.kind in (kind, ShapeKind.DETECT)
            bright = view.pixels.astype(int).max(axis=2)
            for x1, y1, x2, y2 in view.boxes.xyxy.clip(0, 63).astype(int).tolist():
                assert bright[y1 : y2 + 1, x1 : x2 + 1].max() > np.median(bright)


def test_classes_of_whole_images_have_no_preview(tmp_path):
    assert previewed(tmp_path, ShapeKind.CLASSIFY)[0] == []
