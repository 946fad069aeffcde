"""Where an image lies on Earth, by what its file and the files beside it say."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from utils.errors import ImageError
from utils.images.facts import ImageFacts, Note
from utils.images.files import explained, image_facts
from utils.images.formats import image_format
from utils.images.gdal_images import open_page
from utils.images.options import PixelOptions
from utils.images.orientation import Affine, placed_upright
from utils.images.sidecars import Sidecars, read_sidecars

NOT_PLACED = "image is not placed on the map"
_DEFAULT = PixelOptions()
_IDENTITY = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
_LARGEST_ERROR = 1.0  # pixels between a control point and where the fitted transform leads


@dataclass(frozen=True, slots=True)
class Georeference:
    """Where the pixels of a scene lie on Earth.

    Attributes:
        crs: The coordinate reference system, as `EPSG:<code>` where that says all, else as WKT.
        transform: The affine transform (a, b, c, d, e, f) from pixel corners of the upright image
            to the CRS, in rasterio's order: `x = a * column + b * row + c`,
            `y = d * column + e * row + f`.
    """

    crs: str
    transform: Affine


@dataclass(frozen=True, slots=True)
class Place:
    """The place of an image, as far as it is known.

    Attributes:
        georeference: Where it lies, or None.
        notes: Parts of the file's place that could not be used, or only in part.
    """

    georeference: Georeference | None = None
    notes: tuple[Note, ...] = ()


def read_georeference(image: Path, *, beside: Path | None = None) -> Georeference | None:
    """Where an image lies on Earth, or None; see `read_place`."""
    return read_place(image, beside=beside).georeference


def read_place(
    image: Path, pixels: PixelOptions = _DEFAULT, *, beside: Path | None = None
) -> Place:
    """Where an image lies on Earth: by its .aux.xml, its own tags, control points, or world file.

    A file that cannot be read has no place either: it is reported when it is decoded.

    Args:
        image: The file.
        pixels: How it is read.
        beside: The path whose neighbours may say where it lies, where that is not `image`.
    """
    sidecars = read_sidecars(beside or image)
    try:
        with explained(image):
            is_raster = image_format(image).library == "gdal"
            found = _with_sidecars(_from_raster(image, pixels) if is_raster else _Found(), sidecars)
            return Place() if found == _Found() else _placed(found, image_facts(image, pixels))
    except ImageError:
        return Place()


@dataclass(frozen=True, slots=True)
class _Found:
    """The place that a file states, in the frame of its stored pixels.

    Attributes:
        crs: A `rasterio.crs.CRS`, or None.
        transform: As in `Georeference`, or None.
        points: Control points, shape (n, 4): column, row, x and y.
        has_rpcs: Whether there are rational polynomial coefficients.
        not_understood: Files beside the image that say nothing.
    """

    crs: Any = None
    transform: Affine | None = None
    points: tuple[tuple[float, float, float, float], ...] = ()
    has_rpcs: bool = False
    not_understood: tuple[str, ...] = ()


def _from_raster(image: Path, pixels: PixelOptions) -> _Found:
    kind = image_format(image)
    with closing(open_page(image, kind, pixels)) as raster:
        points, points_crs = raster.gcps
        transform: Affine = tuple(raster.transform)[:6]
        return _Found(
            crs=raster.crs or points_crs or None,
            transform=None if transform == _IDENTITY else transform,
            points=tuple((point.col, point.row, point.x, point.y) for point in points),
            has_rpcs=raster.rpcs is not None,
        )


def _with_sidecars(found: _Found, sidecars: Sidecars) -> _Found:
    """The same with what the files beside the image say; the .aux.xml has the last word."""
    crs = _crs_of(sidecars.aux_crs) or found.crs or _crs_of(sidecars.prj_crs)
    transform = sidecars.aux_transform or found.transform
    if transform is None and not found.points:
        transform = sidecars.world_transform
    has_rpcs = found.has_rpcs or sidecars.has_rpcs
    return _Found(crs, transform, found.points, has_rpcs, sidecars.not_understood)


def _crs_of(text: str | None) -> Any:
    """The CRS that a text describes; None where it describes none."""
    from rasterio.crs import CRS
    from rasterio.errors import CRSError

    if text is None:
        return None
    try:
        return CRS.from_wkt(text)
    except CRSError:
        return None


def _placed(found: _Found, facts: ImageFacts) -> Place:
    """The place of the upright image, or the reason why there is none."""
    transform = found.transform
    if transform is None and found.points:
        transform, problem = _fitted(found.points)
        if problem is not None:
            return _nowhere(problem)
    if transform is None:
        return _nowhere(_why_no_transform(found))
    if found.crs is None:
        return _nowhere("it has a transform and no coordinate reference system (CRS)")
    a, b, _, d, e, _ = transform
    if not np.isfinite(transform).all() or a * e == b * d:
        return _nowhere(f"its transform {transform} leads nowhere")
    width, height = facts.stored_width, facts.stored_height
    upright = placed_upright(transform, facts.orientation, width, height)
    return Place(Georeference(crs_name(found.crs), upright))


def _why_no_transform(found: _Found) -> str:
    if found.has_rpcs:
        return "it has rational polynomial coefficients (RPC) only. Orthorectify it"
    if found.not_understood:
        return f"{', '.join(found.not_understood)} is no world file of six numbers"
    return "it names a coordinate reference system and no transform"


def _nowhere(reason: str) -> Place:
    return Place(None, (Note(NOT_PLACED, reason),))


def _fitted(
    points: Sequence[tuple[float, float, float, float]],
) -> tuple[Affine | None, str | None]:
    """The affine transform nearest to control points, or the reason why there is none."""
    table = np.array(points)
    pixels = np.column_stack([table[:, :2], np.ones(len(table))])
    origin = table[:, 2:].mean(axis=0)  # subtracted, since coordinates are large and steps small
    solution, _, rank, _ = np.linalg.lstsq(pixels, table[:, 2:] - origin, rcond=None)
    linear = solution[:2].T
    if rank < 3 or np.linalg.det(linear) == 0:
        return None, (
            f"its {len(points)} control points are too few, or lie on one line. Three in "
            "different places are needed"
        )
    errors = (pixels @ solution - (table[:, 2:] - origin)) @ np.linalg.inv(linear).T
    worst = float(np.hypot(*errors.T).max())
    if worst > _LARGEST_ERROR:
        return None, (
            f"its {len(points)} control points are up to {worst:.1f} pixels off any affine "
            "transform. Rectify it, with gdalwarp for example"
        )
    (a, d), (b, e), (c, f) = solution.tolist()
    x, y = origin.tolist()
    return (a, b, c + x, d, e, f + y), None


def crs_name(crs: Any) -> str:
    """The code of a `rasterio.crs.CRS` where it says all, else its WKT (with a datum shift)."""
    from rasterio.crs import CRS

    code = crs.to_epsg()
    if code is None:
        return str(crs.to_wkt())
    wkt, named = crs.to_wkt(), CRS.from_epsg(code).to_wkt()
    is_all = all((word in wkt) == (word in named) for word in ("TOWGS84[", "EXTENSION["))
    return f"EPSG:{code}" if is_all and crs == CRS.from_epsg(code) else str(wkt)
