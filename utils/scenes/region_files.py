"""Polygons of a GeoJSON file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from utils.errors import ConfigurationError, LabelError
from utils.images.georeference import crs_name
from utils.labels.texts import read_json
from utils.scenes.on_map import WGS84

MENDED = "region polygons mended"
NO_POLYGON = "region features without polygon"
PIXELS = "pixels"  # name of a member `crs`: the coordinates are pixels of the upright image

_DEGREES = (-360.0, -90.0, 360.0, 90.0)
_FLAT = ("Polygon", "MultiPolygon", "GeometryCollection")


@dataclass(frozen=True, slots=True, eq=False)
class RegionPolygons:
    """The polygons of one file.

    Attributes:
        path: The file.
        geometry: All of them as one valid shapely geometry.
        crs: The coordinate reference system that the file names, `PIXELS`, or None where it names
            none.
        notes: Kinds and details of what was mended or passed over.
    """

    path: Path
    geometry: Any
    crs: str | None
    notes: tuple[tuple[str, str], ...] = ()


def read_polygons(path: Path, default_crs: str | None = None) -> RegionPolygons:
    """Read the polygons of a GeoJSON file: a collection, a feature, or a geometry alone.

    Args:
        path: The file.
        default_crs: The system of a file that names none.

    Raises:
        ConfigurationError: If it is no GeoJSON, names a system that is not known, or holds no
            polygon that has an area.
    """
    import shapely

    features, crs, notes = read_features(path, default_crs)
    geometry = shapely.union_all([polygons for _, polygons in features])
    return RegionPolygons(path, geometry, crs, notes)


def read_features(
    path: Path, default_crs: str | None = None, option: str = "source.regions"
) -> tuple[list[tuple[Mapping[str, Any], Any]], str | None, tuple[tuple[str, str], ...]]:
    """Read the polygons of a GeoJSON file, those of each feature apart.

    Args:
        path: The file.
        default_crs: The system of a file that names none.
        option: Key of the configuration that names the file, for messages.

    Returns:
        Properties and valid geometry of each feature that has polygons, then system and notes as
        in `RegionPolygons`.

    Raises:
        ConfigurationError: As `read_polygons` does.
    """
    import shapely

    try:
        content, _ = read_json(path)
    except LabelError as error:
        raise ConfigurationError(f"{option}: {error}") from None
    found: list[tuple[Mapping[str, Any], Any]] = []
    others = mended = 0
    for number, (properties, mapping) in enumerate(_geometries(option, path, content), start=1):
        polygon = _polygon(option, path, number, mapping)
        if polygon is None:
            others += 1
            continue
        mended += not polygon.is_valid
        parts = list(polygons_of(polygon if polygon.is_valid else shapely.make_valid(polygon)))
        if parts:
            found.append((properties, shapely.union_all(parts)))
    if not found:
        raise ConfigurationError(
            f"{option}: {path} holds no polygon with an area. Draw one, or leave it out."
        )
    crs = _named_crs(option, path, content) or default_crs
    for _, polygons in found:
        _check_degrees(option, path, polygons, crs)
    return found, crs, tuple(_notes(mended, others))


def _parts(geometry: Any) -> Iterator[Any]:
    """Yield the polygons of a geometry, valid or not."""
    if geometry.geom_type == "Polygon":
        yield geometry
    elif hasattr(geometry, "geoms"):
        for part in geometry.geoms:
            yield from _parts(part)


def polygons_of(geometry: Any) -> Iterator[Any]:
    """Yield the polygons of a geometry that have an area."""
    return (part for part in _parts(geometry) if not part.is_empty and part.area > 0)


def _geometries(option: str, path: Path, content: Any) -> Iterator[tuple[Mapping[str, Any], Any]]:
    """Yield properties and geometry, or None, of each feature.

    Raises:
        ConfigurationError: If the content is no GeoJSON.
    """
    kind = content.get("type") if isinstance(content, Mapping) else None
    if kind == "FeatureCollection" and isinstance(content.get("features"), list):
        yield from map(_parts_of_feature, content["features"])
    elif kind == "Feature":
        yield _parts_of_feature(content)
    elif kind in (*_FLAT, "Point", "MultiPoint", "LineString", "MultiLineString"):
        yield {}, content
    else:
        raise ConfigurationError(
            f"{option}: {path} is no GeoJSON (its type is {kind!r}). Save the regions as GeoJSON."
        )


def _parts_of_feature(feature: Any) -> tuple[Mapping[str, Any], Any]:
    """Properties and geometry of a feature, as far as it has them."""
    if not isinstance(feature, Mapping):
        return {}, None
    properties = feature.get("properties")
    return properties if isinstance(properties, Mapping) else {}, feature.get("geometry")


def _polygon(option: str, path: Path, number: int, mapping: Any) -> Any:
    """The polygons of a geometry in two dimensions; None where it has none.

    Raises:
        ConfigurationError: If a polygon cannot be read: a region must not get lost.
    """
    import shapely
    from shapely.geometry import shape

    if not isinstance(mapping, Mapping) or mapping.get("type") not in _FLAT:
        return None
    try:
        with np.errstate(invalid="ignore"):
            found = shapely.force_2d(shape(mapping))
        if not np.isfinite(shapely.get_coordinates(found)).all():
            raise ValueError("a coordinate is not a number")
    except Exception as error:  # shapely raises every kind for coordinates of a wrong shape
        raise ConfigurationError(
            f"{option}: polygon {number} of {path} cannot be read ({error}). Draw it again."
        ) from None
    return found if any(True for _ in _parts(found)) else None


def _named_crs(option: str, path: Path, content: Mapping[str, Any]) -> str | None:
    """The system that a member `crs` names, as GeoJSON of 2008 has it.

    Raises:
        ConfigurationError: If it is not known.
    """
    from rasterio.crs import CRS

    member = content.get("crs")
    if member is None:
        return None
    properties = member.get("properties") if isinstance(member, Mapping) else None
    name = properties.get("name") if isinstance(properties, Mapping) else None
    if name == PIXELS:
        return PIXELS
    try:
        known = CRS.from_user_input(name)
    except Exception:  # rasterio raises errors of several kinds
        raise ConfigurationError(
            f"{option}: {path} names a coordinate reference system that is not known "
            f"({name!r}). Save it in WGS 84, or name it as EPSG:<code>."
        ) from None
    return WGS84 if str(name).endswith("CRS84") else crs_name(known)


def _check_degrees(option: str, path: Path, geometry: Any, crs: str | None) -> None:
    """Refuse what is said to be degrees and cannot be.

    Raises:
        ConfigurationError: If coordinates in WGS 84 are larger than degrees are.
    """
    left, bottom, right, top = geometry.bounds
    west, south, east, north = _DEGREES
    if crs == WGS84 and not (west <= left and south <= bottom and right <= east and top <= north):
        raise ConfigurationError(
            f"{option}: {path} has coordinates up to {max(abs(right), abs(top)):.0f}, which "
            "are no degrees. Save it in WGS 84, or name its system by a member `crs`; "
            "'pixels' names pixels of the scenes."
        )


def _notes(mended: int, others: int) -> Iterator[tuple[str, str]]:
    if mended:
        yield MENDED, f"{mended} whose rings cross or overlap; look whether they are as meant"
    if others:
        yield NO_POLYGON, f"{others} features (points, lines or nothing) are not used"
