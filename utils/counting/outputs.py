"""Counts as CSV for tables, and as GeoJSON for geographic information systems."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

from utils.counting.counts import CountRow, Counts
from utils.counting.groups import REGION
from utils.counting.report import CountReport, spread_in_words
from utils.counting.survey import SurveyTile
from utils.errors import GeoreferenceError
from utils.files import written_whole
from utils.images.georeference import Georeference
from utils.issues import IssueReport
from utils.scenes.on_map import WGS84, border_on_map, transformed
from utils.scenes.region_files import PIXELS

CSV_FILE = "counts.csv"
GEOJSON_FILE = "counts.geojson"
_NAMES = [one.name for one in fields(CountRow)]


def write_counts(report: CountReport, folder: Path, page: Path, issues: IssueReport) -> Counts:
    """Write the table of counts, and the same as CSV and GeoJSON.

    Args:
        report: The counts.
        folder: Folder to write to.
        page: The page that shows them.
        issues: Receives scenes and regions that have no place on Earth.
    """
    files = folder / "files"
    files.mkdir(exist_ok=True)
    write_csv(report, files / CSV_FILE)
    write_geojson(report, files / GEOJSON_FILE, issues)
    footer = {
        "survey": report.survey.name,
        "interval": report.options.interval,
        "level": str(report.options.level),
        "draws": str(len(report.reviews.draws)),
    }
    counts = Counts.write(folder / "counts.parquet", report.classes, report.rows, footer=footer)
    return replace(counts, files=files, page=page)


def write_csv(report: CountReport, path: Path) -> None:
    """Write a row for each group and class, whole or not at all; UTF-8, with a heading.

    The columns `interval` and `survey` tell what the limits are.
    """
    with written_whole(path) as partial, partial.open("w", encoding="utf-8", newline="") as stream:
        rows = csv.writer(stream)
        rows.writerow([*_NAMES, "level", "interval", "survey"])
        last = report.options.level, report.options.interval, report.survey.name
        for row in report.rows:
            values = (_rounded(value) for value in asdict(row).values())
            rows.writerow([*(_harmless(value) for value in values), *last])


def _rounded(value: Any) -> Any:
    return round(value, 3) if isinstance(value, float) else value


def _harmless(value: Any) -> Any:
    """Text that no spreadsheet runs as a formula: names come from anywhere."""
    return f"'{value}" if isinstance(value, str) and value[:1] in "=+-@\t\r" and value else value


def write_geojson(report: CountReport, path: Path, issues: IssueReport) -> bool:
    """Write regions and georeferenced scenes with their counts, and the drawn tiles, in WGS 84.

    Args:
        report: The counts.
        path: File to write, whole or not at all.
        issues: Receives scenes and regions that have no place on Earth.

    Returns:
        Whether anything knows its place; otherwise no file is written.
    """
    features = [*_regions(report, issues), *_scenes(report, issues)]
    if not features:
        return False
    content = {"type": "FeatureCollection", "features": features}
    with written_whole(path) as partial:
        partial.write_text(json.dumps(content, ensure_ascii=False, indent=1), encoding="utf-8")
    return True


def _regions(report: CountReport, issues: IssueReport) -> Iterator[dict[str, Any]]:
    import shapely

    for region in report.regions:
        crs = region.polygons.crs
        if crs is None or crs == PIXELS:
            continue
        try:
            placed = shapely.transform(
                region.polygons.geometry, lambda xy, crs=crs: transformed(xy, crs, WGS84)
            )
        except GeoreferenceError as error:
            issues.add(region.name, "not on the map", error, set_aside=False)
            continue
        yield _feature(shapely.geometry.mapping(placed), report.rows, REGION, region.name)


def _scenes(report: CountReport, issues: IssueReport) -> Iterator[dict[str, Any]]:
    """Yield each georeferenced scene, then its drawn tiles."""
    done = {draw.tile.tile_id: draw for draw in report.reviews.draws}
    seen: set[str] = set()
    for tile in sorted(report.tiles, key=lambda tile: (tile.scene_id, tile.draw)):
        if tile.georeference is None:
            continue
        try:
            if tile.scene_id not in seen:
                seen.add(tile.scene_id)
                whole = _outline(tile, 0, 0, tile.scene_width, tile.scene_height)
                yield _feature(whole, report.rows, "scene", tile.scene_id)
            if tile.draw > max(report.survey.asked, len(done)):
                continue
            x1, y1, x2, y2 = tile.cell.xyxy
            outline = _outline(tile, x1, y1, x2, y2)
        except GeoreferenceError as error:
            issues.add(tile.scene_id, "not on the map", error, set_aside=False)
            continue
        draw = done.get(tile.tile_id)
        counted = report.counted(draw.counted) if draw and draw.counted is not None else None
        properties = {
            "kind": "tile",
            "tile_id": tile.tile_id,
            "draw": tile.draw,
            "predicted": _rounded(report.predicted[tile.tile_id]),
            "found": None if counted is None else len(counted),
        }
        yield {"type": "Feature", "geometry": outline, "properties": properties}


def _outline(tile: SurveyTile, x1: int, y1: int, x2: int, y2: int) -> dict[str, Any]:
    """A part of a scene as a polygon in WGS 84, counterclockwise."""
    import shapely

    assert tile.georeference is not None  # noqa: S101 - the callers looked
    a, b, c, d, e, f = tile.georeference.transform
    moved = Georeference(
        tile.georeference.crs, (a, b, a * x1 + b * y1 + c, d, e, d * x1 + e * y1 + f)
    )
    border = border_on_map(moved, x2 - x1, y2 - y1, WGS84)
    outline = shapely.geometry.polygon.orient(shapely.Polygon(border.round(8)))
    return dict(shapely.geometry.mapping(outline))


def _feature(
    geometry: dict[str, Any], rows: Sequence[CountRow], kind: str, group: str
) -> dict[str, Any]:
    """A region or a scene, with the counts of all classes and of each."""
    properties: dict[str, Any] = {"kind": kind, "name": group}
    for row in rows:
        if (row.kind, row.group) != (kind, group):
            continue
        numbers = {"estimate": row.estimate, "low": row.low, "high": row.high}
        numbers |= {"predicted": row.predicted, "reviewed": row.reviewed, "found": row.found}
        told = {name: _rounded(value) for name, value in numbers.items()}
        if row.label:
            properties.setdefault("classes", {})[row.label] = told
        else:
            properties |= told | {"spread": spread_in_words(row)}
    return {"type": "Feature", "geometry": geometry, "properties": properties}
