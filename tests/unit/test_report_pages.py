"""Pages are self-contained, say what is in the artifact, and never fail for a picture."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from tests.builders import boxes, labeled, make_tile, write_image
from tests.evaluations import make_evaluation
from tests.page_parts import facts_of
from utils.dataset.labeled import LabeledDataset
from utils.detection.predictions import Predictions, ScenePrediction
from utils.evaluation.bootstrap import Estimate
from utils.evaluation.comparison import Comparison, Rule, Side
from utils.evaluation.promotion import Promotion
from utils.issues import IssueReport
from utils.reports.comparison_page import comparison_page
from utils.reports.dataset_page import dataset_page
from utils.reports.evaluation_page import evaluation_page
from utils.reports.issues_page import issues_page
from utils.reports.manifest_page import manifest_page
from utils.reports.predictions_page import predictions_page
from utils.shapes.shapes import Shapes
from utils.tiling.manifest import TileManifest
from utils.tiling.tile import Tile

HOSTILE = "a<script>alert(1)</script>&\"'.png"
LARGEST_PAGE = 3_000_000


def some_tiles(folder: Path) -> list[Tile]:
    truth = boxes((4, 4, 20, 14), (30, 20, 44, 40), label=HOSTILE)
    return [
        make_tile(folder / "tiles", f"port/{HOSTILE}{index}", truth=truth, seed=index)
        for index in range(3)
    ]


def manifest_of(folder: Path) -> str:
    manifest = TileManifest.write(folder / "manifest.parquet", [HOSTILE], some_tiles(folder))
    return manifest_page(manifest)


def dataset_of(folder: Path) -> str:
    tiles = [replace(tile, annotator=HOSTILE) for tile in labeled(some_tiles(folder))]
    dataset = LabeledDataset.write(folder / "labels.parquet", [HOSTILE], tiles)
    return dataset_page(dataset, {tiles[0].scene_id: "train"})


def predictions_of(folder: Path) -> str:
    image = write_image(folder / "scene.png", 300, 200)
    found = Shapes(np.array([[5.0, 5, 20, 20], [90, 90, 120, 130]]), (HOSTILE,) * 2, np.ones(2) / 2)
    scene = ScenePrediction(HOSTILE, str(image), 300, 200, found, HOSTILE, truth=found.select([0]))
    predictions = Predictions.write(folder / "predictions.parquet", [HOSTILE], [scene])
    return predictions_page(predictions)


def evaluation_of(folder: Path) -> str:
    return evaluation_page(make_evaluation(folder, mistakes=2, label=HOSTILE))


def comparison_of(folder: Path) -> str:
    side = Side(HOSTILE, "0" * 64, Estimate(0.5, 0.4, 0.6), {HOSTILE: 0.5}, 9.0)
    rules = (Rule("better", HOSTILE, False),)
    decision = Comparison(side, side, "mAP50", Estimate(0.0, 0.0, 0.0), 0.0, rules, 3, 2)
    evaluated = [make_evaluation(folder, mistakes=mistakes, label=HOSTILE) for mistakes in (2, 1)]
    return comparison_page(Promotion(decision, *evaluated))


def issues_of(folder: Path) -> str:
    report = IssueReport()
    report.add(HOSTILE, "image does not decode", f"{HOSTILE} is truncated")
    return issues_page(report)


PAGES = [
    pytest.param(make, id=make.__name__)
    for make in (manifest_of, dataset_of, predictions_of, evaluation_of, comparison_of, issues_of)
]
Maker = Callable[[Path], str]


@pytest.mark.parametrize("make", PAGES)
def test_nothing_in_the_data_becomes_markup(make: Maker, tmp_path: Path) -> None:
    page = make(tmp_path)
    assert "<script" not in page
    assert "&lt;script&gt;" in page


@pytest.mark.parametrize("make", PAGES)
def test_a_page_asks_for_nothing_outside_itself(make: Maker, tmp_path: Path) -> None:
    page = make(tmp_path)
    sources = re.findall(r'(?:src|href)="([^"]*)"', page)
    assert all(source.startswith(("data:image/jpeg;base64,", "#")) for source in sources)
    assert "url(" not in page
    assert "@import" not in page


@pytest.mark.parametrize("make", PAGES)
def test_every_element_is_closed(make: Maker, tmp_path: Path) -> None:
    parser = _Nesting()
    parser.feed(make(tmp_path))
    assert parser.open == []


def test_a_manifest_page_counts_tiles_scenes_and_boxes(tmp_path: Path) -> None:
    page = manifest_of(tmp_path)
    for name, count in (("Scenes", 3), ("Tiles", 3), ("Boxes in tiles", 6)):
        assert f"<dt>{name}</dt><dd>{count}</dd>" in page
    assert page.count('class="truth"') == 6


def test_a_large_manifest_makes_a_small_page(tmp_path: Path) -> None:
    one = make_tile(tmp_path, width=1000, height=1000, truth=boxes((1, 1, 9, 9)))
    tiles = (replace(one, tile_id=f"tile-{index}") for index in range(3000))
    manifest = TileManifest.write(tmp_path / "manifest.parquet", ["ship"], tiles)
    assert len(manifest_page(manifest)) < LARGEST_PAGE


def test_the_sample_of_tiles_does_not_depend_on_their_order(tmp_path: Path) -> None:
    tiles = [make_tile(tmp_path, f"port/{index}", truth=boxes((1, 1, 9, 9))) for index in range(20)]
    forwards = TileManifest.write(tmp_path / "forwards.parquet", ["ship"], tiles)
    backwards = TileManifest.write(tmp_path / "backwards.parquet", ["ship"], tiles[::-1])
    assert manifest_page(forwards) == manifest_page(backwards)


def test_tiles_without_images_still_have_a_page(tmp_path: Path) -> None:
    tiles = some_tiles(tmp_path)
    Path(tiles[0].uri).unlink()
    Path(tiles[1].uri).write_bytes(b"no image")
    manifest = TileManifest.write(tmp_path / "manifest.parquet", ["ship"], tiles)
    page = manifest_page(manifest)
    assert page.count("(no image)") == 2
    assert page.count("<img") == 1


def test_the_confidence_that_was_used_stands_beside_the_one_that_would_be_best(
    tmp_path: Path,
) -> None:
    page = evaluation_page(make_evaluation(tmp_path, mistakes=1))
    assert "<dt>Confidence</dt><dd>0.50</dd>" in page
    assert "<dt>Best confidence on these tiles</dt><dd>0.90</dd>" in page


def test_of_one_scene_there_are_scores_without_intervals(tmp_path: Path) -> None:
    several, one = (
        evaluation_page(make_evaluation(tmp_path, mistakes=1, scenes=scenes)) for scenes in (3, 1)
    )
    assert "<small>" in several
    assert "<small>" not in one
    # Two of three boxes are found, without a false one: 67 of COCO's 101 points of recall.
    assert facts_of(one)["mAP50"] == "0.663"


def test_scenes_without_images_still_have_a_page(tmp_path: Path) -> None:
    scene = ScenePrediction("port/a.png", "/nowhere/a.png", 9, 9, boxes((1, 1, 5, 5)), "1")
    page = predictions_page(Predictions.write(tmp_path / "p.parquet", ["ship"], [scene]))
    assert "/nowhere/a.png does not exist" in page


def test_an_empty_manifest_has_a_page(tmp_path: Path) -> None:
    page = manifest_page(TileManifest.write(tmp_path / "manifest.parquet", [], []))
    assert "<dt>Tiles</dt><dd>0</dd>" in page


def test_a_class_that_was_never_seen_is_shown_with_zero(tmp_path: Path) -> None:
    tiles = labeled([make_tile(tmp_path, truth=boxes((1, 1, 9, 9)))])
    dataset = LabeledDataset.write(tmp_path / "labels.parquet", ["ship", "buoy"], tiles)
    assert re.search(r"<span>buoy</span><span>.*?</span>0</span>", dataset_page(dataset))


def test_a_dataset_page_counts_the_boxes_of_each_class_by_split(tmp_path: Path) -> None:
    tiles = labeled(
        make_tile(tmp_path, f"port/{count}", truth=boxes(*[(1, 1, 9, 9)] * count))
        for count in (2, 5)
    )
    dataset = LabeledDataset.write(tmp_path / "labels.parquet", ["ship"], tiles)
    page = dataset_page(dataset, {"port/2": "train", "port/5": "val"})
    (row,) = re.findall(r"<tr><td>ship</td>(.*?)</tr>", page)
    assert re.findall(r">(\d+)<", row) == ["2", "5"]


def test_detections_are_cropped_from_the_least_to_the_most_certain(tmp_path: Path) -> None:
    image = write_image(tmp_path / "scene.png", 400, 400)
    found = Shapes(
        np.array([[10.0, 10, 20, 20], [100, 100, 120, 130], [200, 10, 220, 20], [5, 300, 9, 310]]),
        ("ship",) * 4,
        np.array([0.4, 0.9, 0.6, 0.2]),
    )
    scene = ScenePrediction("port/a.png", str(image), 400, 400, found, "1")
    page = predictions_page(Predictions.write(tmp_path / "p.parquet", ["ship"], [scene]))
    captions = re.findall(r"<figcaption>ship (0\.\d+)</figcaption>", page)
    assert captions == ["0.20", "0.40", "0.90", "0.60"]


class _Nesting(HTMLParser):
    """Fails when an element is closed that is not the innermost open one."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, *_: object) -> None:
        if tag not in ("img", "meta", "br", "rect", "line"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in ("rect", "line"):
            return
        assert self.open.pop() == tag
