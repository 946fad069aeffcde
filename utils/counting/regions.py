"""Named regions of a GeoJSON file, in which objects are counted apart."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from utils.errors import ConfigurationError, GeoreferenceError, ImageError
from utils.geometry import BoolArray, Window
from utils.images.georeference import Georeference
from utils.issues import IssueReport
from utils.scenes.bucket import local_image
from utils.scenes.on_map import WGS84
from utils.scenes.region_files import PIXELS, RegionPolygons, read_features
from utils.scenes.region_polygons import in_pixels
from utils.shapes.shapes import Shapes

OVERLAP = "regions overlap"
NOT_PLACED = "scene without regions"
_OPTION = "count.regions"
# Pixels: an object on a border lies in the region to its right or below, as it does with cells.
_INWARDS = 1e-6
_SHARED = 1e-6  # of the smaller area: neighbours that touch share none


@dataclass(frozen=True, slots=True, eq=False)
class CountRegion:
    """One region.

    Attributes:
        name: Name of the region.
        polygons: Its polygons.
        scene_id: The only scene that polygons in pixels lie in, or None for every scene.
    """

    name: str
    polygons: RegionPolygons
    scene_id: str | None = None


def read_regions(place: str, name_key: str, issues: IssueReport) -> list[CountRegion]:
    """Read the regions to count in.

    Polygons of one name become one region. What was mended, and regions that overlap, are noted: an
    object in two regions is counted in both.

    Args:
        place: A GeoJSON file on this machine or in a bucket.
        name_key: Attribute that holds the name.
        issues: Receives the notes.

    Raises:
        ConfigurationError: If the file cannot be used, or a polygon has no name.
    """
    path = _file(place)
    features, crs, notes = read_features(path, WGS84, _OPTION)
    for kind, detail in notes:
        issues.add(path.name, kind, detail, set_aside=False)
    parts: dict[tuple[str, str | None], list[Any]] = defaultdict(list)
    for number, (properties, geometry) in enumerate(features, start=1):
        name = properties.get(name_key)
        if name is None or not str(name).strip():
            known = ", ".join(sorted(map(str, properties))) or "none"
            raise ConfigurationError(
                f"{_OPTION}: polygon {number} of {path} has no attribute '{name_key}' to name its "
                f"region (it has: {known}). Name another one: --set count.region_name=ATTRIBUTE"
            )
        scene = properties.get("scene_id") if crs == PIXELS else None
        parts[str(name).strip(), None if scene is None else str(scene)].append(geometry)
    regions = [
        CountRegion(name, RegionPolygons(path, _union(geometries), crs), scene)
        for (name, scene), geometries in parts.items()
    ]
    _note_overlaps(regions, path, issues)
    return regions


def _file(place: str) -> Path:
    try:
        path = local_image(place).expanduser().absolute()
    except ImageError as error:
        raise ConfigurationError(
            f"{_OPTION}: {place} is no file that can be fetched ({error})"
        ) from None
    if not path.is_file():
        raise ConfigurationError(f"{_OPTION}: {path} does not exist. Correct the path.")
    return path


def _union(geometries: Sequence[Any]) -> Any:
    import shapely

    return shapely.union_all(list(geometries))


def _note_overlaps(regions: Sequence[CountRegion], path: Path, issues: IssueReport) -> None:
    """Note each pair of regions that share ground, unless they lie in different scenes."""
    import shapely

    geometries = [region.polygons.geometry for region in regions]
    first, second = shapely.STRtree(geometries).query(geometries, predicate="intersects")
    for one, other in zip(first.tolist(), second.tolist(), strict=True):
        scenes = {regions[one].scene_id, regions[other].scene_id} - {None}
        if one >= other or regions[one].name == regions[other].name or len(scenes) > 1:
            continue
        shared = shapely.intersection(geometries[one], geometries[other]).area
        if shared > _SHARED * min(geometries[one].area, geometries[other].area):
            names = f"'{regions[one].name}' and '{regions[other].name}'"
            detail = f"{names} share ground: an object there counts in both"
            issues.add(path.name, OVERLAP, detail, set_aside=False)


class SceneRegions:
    """The regions in the pixels of one scene."""

    def __init__(
        self,
        regions: Iterable[CountRegion],
        scene_id: str,
        georeference: Georeference | None,
        width: int,
        height: int,
        issues: IssueReport,
    ) -> None:
        """Place the regions over a scene.

        Args:
            regions: The regions.
            scene_id: Id of the scene.
            georeference: Its place.
            width: Its width, in pixels.
            height: Its height, in pixels.
            issues: Receives a note where the scene has no place on the map of the regions.
        """
        self._placed: dict[str, Any] = {}
        self.is_placed = True
        for region in regions:
            if region.scene_id not in (None, scene_id):
                continue
            try:
                geometry = in_pixels(region.polygons, georeference, width, height)
            except GeoreferenceError as error:
                issues.add(scene_id, NOT_PLACED, error, set_aside=False)
                self.is_placed = False
                return
            if not geometry.is_empty:
                known = self._placed.get(region.name)
                self._placed[region.name] = _union(
                    [geometry] if known is None else [known, geometry]
                )

    def holding(self, shapes: Shapes, cell: Window) -> Iterator[tuple[str, BoolArray]]:
        """Yield each region with a mask of the shapes that it counts.

        An object lies where the upper left corner of its box does, by which its cell is chosen,
        too: a tile may show the rest of a box or not, and its centre moves with that. The class of
        a whole image lies at the centre of its cell.

        Args:
            shapes: Shapes that one tile counts, in pixels of the scene.
            cell: The tile's cell.
        """
        import shapely

        left, top, right, bottom = _inner(cell)
        if shapes.kind.has_places:
            x, y = shapes.xyxy[:, 0] + _INWARDS, shapes.xyxy[:, 1] + _INWARDS
        else:
            x, y = (
                np.full(len(shapes), middle) for middle in ((left + right) / 2, (top + bottom) / 2)
            )
        # A box may begin outside the scene; its tile counts it all the same.
        x, y = np.clip(x, left, right), np.clip(y, top, bottom)
        for name, geometry in self._placed.items():
            yield name, np.asarray(shapely.contains_xy(geometry, x, y), dtype=np.bool_)

    def touching(self, cells: Sequence[Window]) -> Iterator[tuple[str, BoolArray]]:
        """Yield each region with a mask of the cells whose objects it may count.

        Args:
            cells: Cells of tiles.
        """
        import shapely

        boxes = shapely.box(*np.array([_inner(cell) for cell in cells]).T)
        for name, geometry in self._placed.items():
            shapely.prepare(geometry)
            yield name, np.asarray(shapely.intersects(geometry, boxes), dtype=np.bool_)


def _inner(cell: Window) -> tuple[float, float, float, float]:
    """A cell without its very border, as xyxy: neighbours share no point."""
    x1, y1, x2, y2 = cell.xyxy
    return x1 + _INWARDS, y1 + _INWARDS, x2 - _INWARDS, y2 - _INWARDS
