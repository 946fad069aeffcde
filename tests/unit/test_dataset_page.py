"""The page of a labelled dataset shows what a training will see, split by split."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import shapely
import shapely.affinity
from PIL import Image

from tests.builders import boxes, labeled, make_tile
from tests.page_parts import rows_under
from utils.dataset.labeled import LabeledDataset
from utils.files import sha256_of
from utils.issues import IssueReport
from utils.reports.dataset_page import dataset_page
from utils.reports.tile_counts import TileCounts
from utils.shapes.shapes import ShapeKind, Shapes


def a_tile(folder: Path, name: str, truth: Shapes, grey: int):
    tile = make_tile(folder, f"port/{name}", width=100, height=100, truth=truth)
    Image.new("RGB", (100, 100), (grey, grey, grey)).save(tile.uri)
    return labeled([replace(tile, sha256=sha256_of(Path(tile.uri)))])[0]


@pytest.fixture
def page(tmp_path):
    tiles = [
        a_tile(tmp_path, "a", boxes((0, 0, 20, 10), (80, 80, 100, 100)), grey=40),
        a_tile(tmp_path, "b", boxes((0, 0, 10, 20), label="buoy"), grey=120),
        replace(a_tile(tmp_path, "c", boxes(), grey=200), uri=str(tmp_path / "gone.png")),
    ]
    dataset = LabeledDataset.write(tmp_path / "labels.parquet", ("ship", "buoy"), tiles)
    issues = IssueReport()
    issues.add("tile 7", "image does not decode", "it is truncated")
    return dataset_page(dataset, {"port/a": "train", "port/b": "val", "port/c": "test"}, issues)


def test_the_splits_stand_side_by_side(page):
    cells = [row.split("<td")[1:] for row in page.split("<tr>") if ">train<" in row]
    assert [cell.split(">")[1].split("<")[0] for cell in cells[0]] == [
        *("train", "1", "1", "1", "0%", "2", "2.000", "40.0")
    ]


def test_an_image_that_is_gone_has_no_brightness_and_the_page_goes_on(page):
    assert "Mean grey value, 0 to 255, of 2 tiles." in page
    row = next(row for row in page.split("<tr>") if "<td>test<" in row)
    assert row.count(">-<") == 1


def test_what_the_checks_found_is_on_the_page(page):
    assert rows_under(page, "Issues") == [
        ["tile 7", "image does not decode", "it is truncated", "whole"]
    ]


def test_without_splits_no_image_is_looked_at_for_its_brightness(tmp_path):
    tiles = [a_tile(tmp_path, "a", boxes((0, 0, 20, 10)), grey=40)]
    page = dataset_page(LabeledDataset.write(tmp_path / "labels.parquet", ("ship",), tiles))
    assert "brightness" not in page
    assert "<h2>Splits" not in page


def test_an_oriented_box_is_counted_by_its_own_sides(tmp_path):
    turned = shapely.affinity.rotate(shapely.box(35, 45, 65, 55), 45)
    truth = Shapes.of_outlines([turned], ("ship",), kind=ShapeKind.OBB).brought_to(ShapeKind.OBB)
    counts = TileCounts()
    counts.add(replace(a_tile(tmp_path, "a", boxes(), grey=40), shapes=truth))
    by_long_side = counts.aspects.reshape(-1)[[2, 6]].sum()  # its hull is a square
    assert by_long_side == counts.aspects.sum() == 1


def test_every_box_is_counted_once_by_aspect_and_by_its_place_in_the_tile(tmp_path):
    counts = TileCounts()
    counts.add(a_tile(tmp_path, "a", boxes((0, 0, 20, 10), (90, 44, 100, 54)), grey=0))
    counts.add(a_tile(tmp_path, "b", boxes(), grey=0))
    assert counts.aspects.tolist() == [0, 0, 0, 0, 1, 0, 1, 0, 0]  # a square, and twice as wide
    assert counts.per_tile.tolist() == [1, 0, 1, 0, 0, 0, 0, 0, 0]
    assert [tuple(cell) for cell in np.argwhere(counts.centres)] == [(1, 2), (9, 19)]
