"""Maps of a survey: where scenes lie, and in each scene the drawn tiles over the density."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from heapq import nlargest

import numpy as np
from markupsafe import Markup

from utils.counting.counts import CountRow
from utils.counting.report import CountReport
from utils.counting.survey import SurveyTile
from utils.errors import GeoreferenceError, ImageError
from utils.geometry import FloatArray
from utils.reports.page import NOTHING, joined, paragraph
from utils.reports.pictures import caption_alone, data_uri, sheet
from utils.reports.scene_pictures import overview
from utils.scenes.bucket import local_image
from utils.scenes.on_map import WGS84, border_on_map, transformed
from utils.scenes.region_files import PIXELS

_SCENES_PICTURED = 12
_SIDE = 420
_MAP_WIDTH, _MAP_TALLEST = 1040, 560
_MARGIN = 14


def scene_maps(report: CountReport) -> Markup:
    """Pictures of the scenes with most objects: density as colour, drawn tiles as frames."""
    by_scene: dict[str, list[SurveyTile]] = defaultdict(list)
    for tile in report.tiles:
        by_scene[tile.scene_id].append(tile)
    rows = {row.group: row for row in report.rows if row.kind == "scene" and not row.label}
    asked, predicted = max(report.survey.asked, len(report.reviews.draws)), report.predicted

    def interest(scene: str) -> tuple[int, float]:
        tiles = by_scene[scene]
        return sum(tile.draw <= asked for tile in tiles), sum(
            predicted[tile.tile_id] for tile in tiles
        )

    chosen = nlargest(_SCENES_PICTURED, sorted(by_scene), key=interest)
    densest = max(max(predicted[tile.tile_id] / _area(tile) for tile in report.tiles), 1e-12)
    done = {draw.tile.tile_id for draw in report.reviews.draws}
    pictures = [
        _scene_map(by_scene[scene], rows.get(scene), densest, asked, done, predicted)
        for scene in chosen
    ]
    left = len(by_scene) - len(chosen)
    rest = paragraph(f"and {left:,} more scenes, in the table") if left else NOTHING
    return Markup("{}{}{}").format(_key(), sheet(pictures, cell=280), rest)


def _key() -> Markup:
    return Markup(
        '<p class="soft"><span class="key density"></span>predicted density'
        '<span class="key reviewed"></span>reviewed<span class="key waiting"></span>drawn, waits '
        "for a review</p>"
    )


def _area(tile: SurveyTile) -> int:
    return tile.cell.width * tile.cell.height


def _scene_map(
    tiles: Sequence[SurveyTile],
    row: CountRow | None,
    densest: float,
    asked: int,
    done: set[str],
    predicted: Mapping[str, float],
) -> Markup:
    first = tiles[0]
    told = f"{first.scene_id}: {sum(predicted[tile.tile_id] for tile in tiles):,.0f} predicted"
    if row is not None and row.reviewed:
        told += f", {row.estimate:,.0f} estimated"
        if row.low is not None and row.high is not None:
            told += f" ({row.low:,.0f} to {row.high:,.0f})"
    width, height = first.scene_width, first.scene_height
    try:
        image = overview(local_image(first.location), width, height, _SIDE)
    except ImageError as error:
        return caption_alone(f"{told} ({error})")
    return Markup(
        '<figure style="--wide:{wide:.3f}"><div class="picture survey"><img src="{source}" '
        'alt="{told}"><svg viewBox="0 0 {width} {height}" preserveAspectRatio="none">{cells}</svg>'
        "</div><figcaption>{told}</figcaption></figure>"
    ).format(
        wide=min(np.sqrt(width / height), 1.5 * width / height),
        source=data_uri(image, _SIDE),
        told=told,
        width=width,
        height=height,
        cells=joined(_cells(tiles, densest, asked, done, predicted)),
    )


def _cells(
    tiles: Sequence[SurveyTile],
    densest: float,
    asked: int,
    done: set[str],
    predicted: Mapping[str, float],
) -> Iterator[Markup]:
    """Yield the cells of a scene, drawn ones last so that their frames lie on top."""
    rect = Markup(
        '<rect class="{}" style="--density:{:.2f}" x="{}" y="{}" width="{}" height="{}">'
        "<title>{}</title></rect>"
    )
    for tile in sorted(tiles, key=lambda tile: -tile.draw):
        density = predicted[tile.tile_id] / _area(tile) / densest
        kind, told = "cell", f"{predicted[tile.tile_id]:.1f} predicted"
        if tile.tile_id in done:
            kind, told = "cell reviewed", f"draw {tile.draw}, reviewed; {told}"
        elif tile.draw <= asked:
            kind, told = "cell waiting", f"draw {tile.draw}, waits; {told}"
        cell = tile.cell
        yield rect.format(kind, density**0.5, cell.x, cell.y, cell.width, cell.height, told)


def overview_map(report: CountReport) -> Markup:
    """Scenes and regions where they lie on Earth, coloured by density; nothing without a place."""
    scenes = {tile.scene_id: tile for tile in report.tiles if tile.georeference is not None}
    rows = {(row.kind, row.group): row for row in report.rows if not row.label}
    outlines: list[tuple[str, str, FloatArray, float]] = []
    for scene_id, tile in scenes.items():
        assert tile.georeference is not None  # noqa: S101 - those without are left out above
        size = tile.scene_width, tile.scene_height
        try:
            border = border_on_map(tile.georeference, *size, WGS84)
        except GeoreferenceError:
            continue
        row = rows.get(("scene", scene_id))
        count = row.estimate if row else 0.0
        outlines.append(("scene", _told(scene_id, row), border, count / _square_degrees(border)))
    outlines += _region_outlines(report, rows)
    return _drawn(outlines) if outlines else NOTHING


def _region_outlines(
    report: CountReport, rows: dict[tuple[str, str], CountRow]
) -> Iterator[tuple[str, str, FloatArray, float]]:
    import shapely

    for region in report.regions:
        crs = region.polygons.crs
        if crs is None or crs == PIXELS:
            continue
        for part in getattr(region.polygons.geometry, "geoms", [region.polygons.geometry]):
            ring = shapely.get_coordinates(part.exterior)
            try:
                told = _told(region.name, rows.get(("region", region.name)))
                yield "region", told, transformed(ring, crs, WGS84), 0.0
            except GeoreferenceError:
                continue


def _told(name: str, row: CountRow | None) -> str:
    if row is None:
        return name
    if row.low is None or row.high is None:
        return f"{name}: about {row.estimate:,.0f}"
    return f"{name}: {row.estimate:,.0f} ({row.low:,.0f} to {row.high:,.0f})"


def _square_degrees(ring: FloatArray) -> float:
    import shapely

    return max(float(shapely.Polygon(ring).area), 1e-15)


def _drawn(outlines: Sequence[tuple[str, str, FloatArray, float]]) -> Markup:
    points = np.concatenate([ring for _, _, ring, _ in outlines])
    low, high = points.min(axis=0), points.max(axis=0)
    squeeze = np.array([np.cos(np.deg2rad(points[:, 1].mean())), 1.0])
    extent = np.maximum((high - low) * squeeze, 1e-9)
    scale = min((_MAP_WIDTH - 2 * _MARGIN) / extent[0], (_MAP_TALLEST - 2 * _MARGIN) / extent[1])
    width, height = extent * scale + 2 * _MARGIN
    densest = max(density for *_, density in outlines) or 1.0
    path = Markup('<path class="{}" style="--density:{:.2f}" d="{}"><title>{}</title></path>')
    drawn = []
    for kind, told, ring, density in sorted(outlines, key=lambda one: one[0] == "region"):
        places = (ring - low) * squeeze * scale + _MARGIN
        steps = "L".join(f"{x:.1f} {height - y:.1f}" for x, y in places.tolist())
        drawn.append(path.format(kind, (density / densest) ** 0.5, f"M{steps}Z", told))
    return Markup(
        '<svg class="map" viewBox="0 0 {:.0f} {:.0f}" role="img" '
        'style="max-width:{:.0f}px">{}</svg><p class="soft">The darker a scene, the more objects '
        "for its area.</p>"
    ).format(width, height, width, joined(drawn))
