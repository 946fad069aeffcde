"""Counts in regions, and what goes into CSV, GeoJSON and the page."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from shapely.geometry import box, mapping

from tests.unit.counting.surveys import PLACE, as_reviewed, predicted_scene, survey_of
from utils.counting.members import NO_SCENE
from utils.counting.options import CountOptions
from utils.counting.outputs import write_counts
from utils.counting.regions import NOT_PLACED, OVERLAP, read_regions
from utils.counting.report import CountReport, count_report
from utils.errors import ConfigurationError
from utils.issues import IssueReport
from utils.reports.count_page import count_page
from utils.scenes.on_map import WGS84, transformed
from utils.scenes.region_files import MENDED
from utils.shapes.shapes import Shapes

# Three ships left of column 150, and one right of it.
TRUTH = Shapes(
    np.array([[10.0, 10, 30, 20], [95, 95, 125, 110], [100, 200, 120, 220], [200, 50, 220, 60]]),
    ("ship", "ship", "buoy", "ship"),
)


def write_regions(path: Path, named: dict[str, Any], crs: str | None = None, **more: Any) -> str:
    features = [
        {"type": "Feature", "properties": {"name": name} | more, "geometry": geometry}
        for name, geometry in named.items()
    ]
    content: dict[str, Any] = {"type": "FeatureCollection", "features": features}
    if crs is not None:
        content["crs"] = {"type": "name", "properties": {"name": crs}}
    path.write_text(json.dumps(content))
    return str(path)


def utm(left: float, top: float, right: float, bottom: float) -> Any:
    """A rectangle of pixels of the placed scene, on its map."""
    return box(500_000 + left / 2, 5_300_000 - bottom / 2, 500_000 + right / 2, 5_300_000 - top / 2)


def reviewed_report(
    folder: Path, regions: str | None, *, placed: bool = True, draws: int | None = None
) -> tuple[CountReport, IssueReport]:
    georeference = PLACE if placed else None
    scenes = [predicted_scene(1, TRUTH, georeference=georeference, tags=("=cmd()",))]
    survey = survey_of(folder, scenes)
    labels = [as_reviewed(tile, TRUTH) for tile in survey if draws is None or tile.draw <= draws]
    issues = IssueReport()
    options = CountOptions(regions=regions, by=("scene", "tag"))
    return count_report(survey, labels, frozenset(), options, issues), issues


def counts_of(report: CountReport) -> dict[str, float]:
    return {
        row.group: row.estimate for row in report.rows if row.kind == "region" and not row.label
    }


@pytest.mark.parametrize("crs", ["EPSG:32632", WGS84, None])
def test_regions_in_any_reference_system_count_the_objects_whose_corner_they_hold(
    tmp_path: Path, crs: str | None
) -> None:
    halves = {"west": utm(-10, -10, 150, 270), "east": utm(150, -10, 310, 270)}
    if crs != "EPSG:32632":
        from shapely import transform

        halves = {
            name: transform(one, lambda xy: transformed(xy, PLACE.crs, WGS84))
            for name, one in halves.items()
        }
    shapes = {name: mapping(one) for name, one in halves.items()}
    report, issues = reviewed_report(tmp_path, write_regions(tmp_path / "r.geojson", shapes, crs))
    assert counts_of(report) == {"west": 3, "east": 1}
    [buoys] = [row for row in report.rows if (row.group, row.label) == ("west", "buoy")]
    assert buoys.estimate == 1
    assert len(issues) == 0


def test_polygons_in_pixels_count_in_the_scene_that_they_name(tmp_path: Path) -> None:
    here = write_regions(
        tmp_path / "r.geojson", {"a": mapping(box(0, 0, 60, 60))}, "pixels", scene_id="bay/1.png"
    )
    elsewhere = write_regions(
        tmp_path / "q.geojson", {"a": mapping(box(0, 0, 60, 60))}, "pixels", scene_id="bay/2.png"
    )
    assert counts_of(reviewed_report(tmp_path, here, placed=False)[0]) == {"a": 1}
    assert counts_of(reviewed_report(tmp_path, elsewhere, placed=False)[0]) == {"a": 0}


def test_regions_on_a_map_and_a_scene_without_a_place_are_told(tmp_path: Path) -> None:
    place = write_regions(tmp_path / "r.geojson", {"a": mapping(box(8, 47, 9, 48))})
    report, issues = reviewed_report(tmp_path, place, placed=False)
    assert counts_of(report) == {"a": 0}
    assert [issue.kind for issue in issues.issues] == [NOT_PLACED]


def test_a_region_that_no_scene_touches_is_told(tmp_path: Path) -> None:
    place = write_regions(tmp_path / "r.geojson", {"swapped": mapping(box(48, 11, 49, 12))})
    report, issues = reviewed_report(tmp_path, place)
    assert counts_of(report) == {"swapped": 0}
    assert [issue.kind for issue in issues.issues] == [NO_SCENE]


def test_regions_that_overlap_and_rings_that_cross_are_told(tmp_path: Path) -> None:
    bow = {"type": "Polygon", "coordinates": [[[0, 0], [90, 90], [90, 0], [0, 90], [0, 0]]]}
    named = {
        "a": mapping(box(0, 0, 100, 100)),
        "b": mapping(box(50, 0, 150, 100)),
        "c": mapping(box(150, 0, 250, 100)),
        "bow": bow,
    }
    issues = IssueReport()
    read_regions(write_regions(tmp_path / "r.geojson", named, "pixels"), "name", issues)
    kinds = issues.counts()
    assert kinds[MENDED] == 1
    told = [issue.detail for issue in issues.issues if issue.kind == OVERLAP]
    assert any("'a' and 'b' share ground" in detail for detail in told)
    assert not any("'b' and 'c'" in detail for detail in told)


def test_polygons_of_one_name_are_one_region(tmp_path: Path) -> None:
    parts = [box(0, 0, 60, 60), box(90, 90, 130, 130)]
    features = [
        {"type": "Feature", "properties": {"zone": "a"}, "geometry": mapping(one)} for one in parts
    ]
    path = tmp_path / "r.geojson"
    crs = {"type": "name", "properties": {"name": "pixels"}}
    path.write_text(json.dumps({"type": "FeatureCollection", "crs": crs, "features": features}))
    [region] = read_regions(str(path), "zone", IssueReport())
    assert region.polygons.geometry.area == pytest.approx(3600 + 1600)
    with pytest.raises(ConfigurationError, match=r"no attribute 'name'.*it has: zone"):
        read_regions(str(path), "name", IssueReport())


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("{", "count.regions: .*r.geojson"),
        ('{"type": "Topology"}', "no GeoJSON"),
        ('{"type": "FeatureCollection", "features": []}', "no polygon with an area"),
        (
            '{"type": "Polygon", "coordinates": [[[500000, 1], [500001, 1], [500001, 2], '
            "[500000, 1]]]}",
            "no degrees",
        ),
        (
            '{"type": "Polygon", "crs": {"properties": {"name": "EPSG:1"}}, "coordinates": '
            "[[[0, 1], [1, 1], [1, 2], [0, 1]]]}",
            "not known",
        ),
    ],
)
def test_a_file_that_holds_no_regions_is_refused(tmp_path: Path, content: str, told: str) -> None:
    path = tmp_path / "r.geojson"
    path.write_text(content)
    with pytest.raises(ConfigurationError, match=told):
        read_regions(str(path), "name", IssueReport())
    with pytest.raises(ConfigurationError, match=r"count\.regions: .*gone.geojson does not exist"):
        read_regions(str(tmp_path / "gone.geojson"), "name", IssueReport())


def test_the_files_tell_what_the_table_does(tmp_path: Path) -> None:
    west = {"west": mapping(utm(-10, -10, 150, 270))}
    regions = write_regions(tmp_path / "r.geojson", west, "EPSG:32632")
    report, issues = reviewed_report(tmp_path, regions, draws=11)
    counts = write_counts(report, tmp_path, tmp_path / "page.html", issues)
    assert list(counts) == list(report.rows)
    assert counts.footer["interval"] == "every_look"

    assert counts.files is not None
    with (counts.files / "counts.csv").open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == len(report.rows)
    total = report.total
    assert float(rows[0]["low"]) == pytest.approx(total.low, abs=1e-3)
    assert rows[0]["interval"] == "every_look"
    assert any(row["group"] == "'=cmd()" for row in rows)

    shown = json.loads((counts.files / "counts.geojson").read_text())["features"]
    by_kind = {one["properties"]["kind"]: one for one in shown}
    region = by_kind["region"]["properties"]
    assert region["name"] == "west"
    assert region["estimate"] == pytest.approx(counts_of(report)["west"], abs=1e-3)
    assert set(region["classes"]) == {"ship", "buoy"}
    lon, lat = by_kind["scene"]["geometry"]["coordinates"][0][0]
    assert (lon, lat) == pytest.approx((9.0, 47.85), abs=0.05)
    tiles = [one["properties"] for one in shown if one["properties"]["kind"] == "tile"]
    assert len(tiles) == report.survey.asked
    assert sum(one["found"] is not None for one in tiles) == 11


def test_without_a_place_there_is_no_map(tmp_path: Path) -> None:
    report, issues = reviewed_report(tmp_path, None, placed=False)
    counts = write_counts(report, tmp_path, tmp_path / "page.html", issues)
    assert counts.files is not None
    assert [file.name for file in counts.files.iterdir()] == ["counts.csv"]


def test_the_page_shows_count_interval_course_and_that_each_interval_is_for_its_own_row(
    tmp_path: Path,
) -> None:
    report, _ = reviewed_report(tmp_path, None, draws=11)
    page = count_page(report, {})
    assert f"{report.total.estimate:,.0f} objects" in page
    assert "holds at every look" in page
    assert "for its own row" in page
    assert "<polygon" in page
    assert "=cmd()" in page
    nothing, _ = reviewed_report(tmp_path, None, draws=0)
    assert "nothing is known of the error" in count_page(nothing, {})
