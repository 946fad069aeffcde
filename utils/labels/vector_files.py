"""Vector files: shapes on the map with attributes, in any format that GDAL knows as such."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from utils.errors import LabelError
from utils.shapes.outlines import Outlines, as_outlines, polygonal

VECTOR_SUFFIXES = frozenset({".geojson", ".gpkg", ".shp", ".fgb"})
# Files of the same data beside a vector file: tables, indices, systems, styles.
BESIDE_VECTORS = frozenset({".dbf", ".shx", ".prj", ".cpg", ".qix", ".qmd", ".qml", ".sbn", ".sbx"})
_POLYGONS = ("Polygon", "MultiPolygon", "CurvePolygon", "MultiSurface", "GeometryCollection")
_FLAT = ("Polygon", "Surface", "Collection", "Unknown")  # parts of names of types, as GDAL has them
_SHOWN = 5


@dataclass(frozen=True, slots=True, eq=False)
class VectorFile:
    """The features of one layer of a vector file that are polygons.

    Attributes:
        path: The file.
        crs: Coordinate reference system, as `EPSG:<code>` or WKT; None where the file names none.
        outlines: Valid polygons or multipolygons in two dimensions, shape (n,).
        attributes: Values of each attribute, shape (n,), by name.
        numbers: Number of each feature in the file, from 1, shape (n,).
        mended: Number of polygons that crossed themselves.
        others: Number of features that are points, lines, or nothing.
    """

    path: Path
    crs: str | None
    outlines: Outlines
    attributes: Mapping[str, NDArray[Any]]
    numbers: NDArray[np.int64]
    mended: int
    others: int

    def __len__(self) -> int:
        """The number of polygons."""
        return len(self.outlines)


def read_vectors(path: Path, layer: str | None = None) -> VectorFile:
    """Read the polygons of a layer with their attributes, all of them at once.

    Args:
        path: The file.
        layer: Name of the layer; may be None where one alone holds polygons.

    Raises:
        LabelError: If the file cannot be read, or does not have that layer.
    """
    import shapely
    from pyogrio.errors import DataLayerError, DataSourceError
    from pyogrio.raw import read

    try:
        chosen = _layer(path, layer)
        meta, _, geometry, columns = read(
            path, layer=chosen, force_2d=True, datetime_as_string=True
        )
    except (DataSourceError, DataLayerError, UnicodeDecodeError, ValueError) as error:
        reason = str(error).strip().partition("\n")[0].rstrip(".")
        raise LabelError(f"{path} cannot be read as a vector file ({reason}).") from None
    found = shapely.from_wkb(geometry, on_invalid="ignore")
    is_polygon = np.array([_is_flat(one) for one in found], dtype=np.bool_)
    is_crossed = is_polygon & ~shapely.is_valid(found)
    found[is_crossed] = shapely.make_valid(found[is_crossed])
    # The area of a polygon that crosses itself is known only now: half of a bow tie is negative.
    found[is_polygon] = polygonal(found[is_polygon])
    is_polygon &= shapely.area(found) > 0
    return VectorFile(
        path,
        meta["crs"],
        as_outlines(map(_single, found[is_polygon])),
        {
            str(name): np.asarray(values)[is_polygon]
            for name, values in zip(meta["fields"], columns, strict=True)
        },
        np.flatnonzero(is_polygon) + 1,
        int((is_crossed & is_polygon).sum()),
        int((~is_polygon).sum()),
    )


def _single(outline: Any) -> Any:
    """A multipolygon of one part as that part: some formats hold nothing else."""
    parts = outline.geoms if outline.geom_type == "MultiPolygon" else [outline]
    return parts[0] if len(parts) == 1 else outline


def _is_flat(geometry: Any) -> bool:
    if geometry is None or geometry.geom_type not in _POLYGONS:
        return False
    return bool(np.isfinite(geometry.bounds).all())


def _layer(path: Path, wanted: str | None) -> str:
    """The name of the layer to read.

    Raises:
        LabelError: If there is none of that name, or several and none is named.
    """
    from pyogrio import list_layers

    layers = {str(name): str(kind) for name, kind in list_layers(path)}
    if wanted is not None and wanted not in layers:
        raise LabelError(f"{path} has no layer '{wanted}'; it has {_listed(layers)}.")
    flat = [name for name, kind in layers.items() if any(part in kind for part in _FLAT)]
    if wanted is None and len(flat) != 1:
        detail = f"holds the layers {_listed(layers)}" if layers else "holds no layer"
        raise LabelError(f"{path} {detail}. Name one with polygons in `layer`.")
    return wanted or flat[0]


def _listed(layers: Mapping[str, str]) -> str:
    return ", ".join(f"'{name}' ({kind})" for name, kind in list(layers.items())[:_SHOWN])
