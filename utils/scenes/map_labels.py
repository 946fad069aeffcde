"""The labels of vector files: polygons on the map, found by place."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from utils.errors import ConfigurationError, LabelError, SourceError
from utils.geometry import FloatArray
from utils.images.georeference import Georeference
from utils.issues import Issue
from utils.labels.objects import UNKNOWN_CLASS, UNREADABLE_LABEL, class_name
from utils.labels.vector_files import VECTOR_SUFFIXES, VectorFile, read_vectors
from utils.scenes.frames import ImageFrame
from utils.scenes.image_files import files_below
from utils.scenes.on_map import border_on_map, is_geographic, to_pixels, transformed
from utils.scenes.options import GisSource
from utils.shapes.outlines import Outlines, are_rectangles, bounds_of
from utils.shapes.shapes import ShapeKind

MENDED = "polygon that crossed itself"
NO_POLYGON = "file without a polygon"
_JUDGED = 1000  # polygons of a file that show what all are
_UPRIGHT = 1e-3  # share of a rectangle's hull that it may leave free


@dataclass(slots=True)
class MapLabels:
    """The labels of one file, found by place.

    Attributes:
        file: Polygons and attributes.
        crs: Coordinate reference system of the polygons.
        kind: Kind of all of them.
        names: Class of each; None where it has none that can be used.
        met: Whether each lies in an image that was read.
    """

    file: VectorFile
    crs: str
    kind: ShapeKind
    names: list[str | None]
    met: NDArray[np.bool_] = field(init=False)
    _tree: Any = field(init=False)

    def __post_init__(self) -> None:
        """Sort the polygons by place."""
        import shapely

        self.met = np.zeros(len(self.file), dtype=np.bool_)
        self._tree = shapely.STRtree(self.file.outlines)

    def near(self, georeference: Georeference, frame: ImageFrame) -> tuple[NDArray[Any], Outlines]:
        """The positions of the polygons around an image, and the same in its pixels.

        Raises:
            GeoreferenceError: If they cannot be brought to the image.
        """
        import shapely

        width, height = map(int, frame.size)
        border = border_on_map(georeference, width, height, self.crs)
        (left, bottom), (right, top) = border.min(axis=0), border.max(axis=0)
        found, placed = [], []
        # A scene across the antimeridian, or a file that counts to 360, is a whole turn away.
        for turn in (-360.0, 0.0, 360.0) if is_geographic(self.crs) else (0.0,):
            around = shapely.box(left + turn, bottom, right + turn, top)
            positions = self._tree.query(around, predicate="intersects")
            outlines = self.file.outlines[positions]
            placed.append(
                shapely.transform(
                    outlines,
                    lambda xy, turn=turn: to_pixels(
                        transformed(xy - [turn, 0], self.crs, georeference.crs), georeference
                    ),
                )
            )
            found.append(positions)
        positions, in_pixels = np.concatenate(found), np.concatenate(placed)
        order = np.argsort(positions, kind="stable")
        return positions[order], in_pixels[order]


def read_map_labels(root: Path, options: GisSource) -> tuple[list[MapLabels], list[Issue]]:
    """The labels of each vector file, and everything wrong with them.

    Args:
        root: Folder of the images.
        options: Options that name files, attributes and classes.

    Raises:
        SourceError: If a file is missing, or none can be read.
        ConfigurationError: If a file has no such attribute, or names no reference system.
    """
    paths = [root / path for path in options.labels]
    paths = paths or files_below(root, VECTOR_SUFFIXES.__contains__)
    if not paths:
        suffixes = ", ".join(sorted(VECTOR_SUFFIXES))
        raise SourceError(
            f"There is no vector file below {root} ({suffixes}). Name it in `labels`."
        )
    files: list[MapLabels] = []
    issues: list[Issue] = []
    for path in paths:
        try:
            if not path.is_file():
                raise LabelError(f"There is no file {path}.")
            file = read_vectors(path, options.layer)
        except LabelError as error:
            if options.labels or len(paths) == 1:
                raise SourceError(f"{error} Mend it, or correct `labels`.") from None
            issues.append(Issue(str(path), UNREADABLE_LABEL, str(error)))
            continue
        on_map = _on_map(file, options)
        files.append(on_map)
        issues += _issues_of(on_map)
    if not files:
        raise SourceError(f"{issues[0].detail} Mend it, or name another file in `labels`.")
    return files, issues


def _on_map(file: VectorFile, options: GisSource) -> MapLabels:
    crs = file.crs or options.crs
    if crs is None:
        raise ConfigurationError(
            f"{file.path} names no coordinate reference system. Set `source.crs`, such as "
            "EPSG:32631."
        )
    _check_degrees(file, crs)
    return MapLabels(file, crs, _kind(file, crs), _names(file, options))


def _check_degrees(file: VectorFile, crs: str) -> None:
    try:
        in_degrees = is_geographic(crs)
    except Exception:  # rasterio raises errors of several kinds
        raise ConfigurationError(
            f"{file.path}: the coordinate reference system '{crs:.60}' is not known. Correct "
            "`source.crs`, or save the file in another system."
        ) from None
    largest = np.abs(bounds_of(file.outlines)).max(axis=0, initial=0.0)
    if in_degrees and (max(largest[[0, 2]]) > 360 or max(largest[[1, 3]]) > 90):
        raise ConfigurationError(
            f"{file.path} has coordinates up to {largest.max():.0f}, which are no degrees. Save it "
            "with its coordinate reference system."
        )


def _names(file: VectorFile, options: GisSource) -> list[str | None]:
    """The class of each polygon.

    Raises:
        ConfigurationError: If the file does not have the attribute, or no class is named.
    """
    if not len(file):
        return []  # a file without features may have no attributes either
    for column in filter(None, (options.class_column, *options.tag_columns)):
        if column not in file.attributes:
            known = ", ".join(file.attributes) or "none"
            raise ConfigurationError(
                f"{file.path} has no attribute '{column}'; its attributes are: {known}. Correct "
                "`class_column` or `tag_columns`."
            )
    if options.class_column is not None:
        return [tag_of(value) for value in file.attributes[options.class_column].tolist()]
    if len(options.classes) != 1:
        known = ", ".join(file.attributes) or "none"
        raise ConfigurationError(
            f"Set `source.class_column` to the attribute that names the class ({file.path.name} "
            f"has: {known}), or name the only class in `classes`."
        )
    return [options.classes[0]] * len(file)


def tag_of(value: object) -> str | None:
    """A class or a tag from a value of an attribute: 3.0 of a table with gaps means 3."""
    if isinstance(value, float):
        if not math.isfinite(value):
            return None
        return str(int(value)) if value == int(value) else str(value)
    return class_name(value)


def _kind(file: VectorFile, crs: str) -> ShapeKind:
    """The kind of all polygons of a file, judged by the first of them, in metres or so."""
    import shapely

    if not len(file):
        return ShapeKind.SEGMENT
    judged = file.outlines[:_JUDGED]
    if is_geographic(crs):
        metres = _metres_of_degrees(float(np.median(bounds_of(judged)[:, 1])))
        judged = shapely.transform(judged, lambda xy: xy * metres)
    # Near zero, where differences of coordinates lose no digits.
    judged = np.array(
        [shapely.transform(one, lambda xy, one=one: xy - one.bounds[:2]) for one in judged]
    )
    if not are_rectangles(judged).all():
        return ShapeKind.SEGMENT
    hulls = bounds_of(judged)
    sizes = (hulls[:, 2] - hulls[:, 0]) * (hulls[:, 3] - hulls[:, 1])
    upright = shapely.area(judged) >= sizes * (1 - _UPRIGHT)
    return ShapeKind.DETECT if upright.all() else ShapeKind.OBB


def _metres_of_degrees(latitude: float) -> FloatArray:
    """Metres of a degree of longitude and of one of latitude, on the ellipsoid of WGS 84.

    The first terms of the usual series for the radii of curvature, good to a metre.
    """
    angle = np.radians(latitude)
    east = 111_412.84 * np.cos(angle) - 93.5 * np.cos(3 * angle)
    north = 111_132.92 - 559.82 * np.cos(2 * angle) + 1.175 * np.cos(4 * angle)
    return np.array([east, north])


def _issues_of(one: MapLabels) -> Iterator[Issue]:
    path, file = str(one.file.path), one.file
    if not len(file):
        yield Issue(path, NO_POLYGON, "it marks nothing", set_aside=False)
    if file.others:
        detail = f"{file.others} features are points, lines or nothing: they mark no place"
        yield Issue(path, UNREADABLE_LABEL, detail, set_aside=False, lost=file.others)
    if file.mended:
        detail = f"{file.mended} polygons cross themselves; the parts that they enclose count"
        yield Issue(path, MENDED, detail, set_aside=False)
    nameless = [number for number, label in zip(file.numbers, one.names, strict=True) if not label]
    if nameless:
        detail = f"{len(nameless)} polygons have no class, the first is feature {nameless[0]}"
        yield Issue(path, UNKNOWN_CLASS, detail, set_aside=False, lost=len(nameless))
