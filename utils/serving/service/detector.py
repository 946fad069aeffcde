"""The detector of a bundle, as a worker uses it: images and scenes in files, to shapes."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from utils.detection.merged_rows import FoundInWindow, RowMerge
from utils.detection.onnx.letterbox import Pixels
from utils.detection.onnx.network import OnnxNetwork
from utils.detection.whole_scene import read_whole
from utils.detection.window_sides import resampled_sides
from utils.errors import BundleError
from utils.geometry import BoolArray, Window
from utils.images.georeference import Georeference, read_georeference
from utils.images.measures import measures_of
from utils.images.options import PixelOptions
from utils.images.reader import image_size
from utils.monitoring.outliers import OutlierReference
from utils.monitoring.seen import Seen
from utils.scenes.data_rows import DataRows
from utils.scenes.places import ground_sample_distance
from utils.serving.bundle import Bundle
from utils.serving.objects import objects_of, shapes_of
from utils.serving.prediction import network_of, predict_window
from utils.serving.service.window_rows import WindowRow, window_rows
from utils.shapes.grid import Grid
from utils.shapes.shapes import ShapeKind, Shapes

_OVERLAPS = 5  # windows of a size that a client asks for share a fifth of their side
# How far the result on another processor may be from the packed one.
_SAME_PIXELS = 1.0
_SAME_SCORE = 0.01


@dataclass(frozen=True, slots=True)
class FoundRow:
    """The result of one row of windows.

    Attributes:
        row: Index of the row, from 0.
        windows: Number of windows done so far, this row among them.
        objects: Objects that no later row can change.
        at_edge: Whether each touches an area without data, shape (n,).
        pending: Shapes by window that the next rows may change.
        seen: The windows of the row that were predicted.
    """

    row: int
    windows: int
    objects: Shapes
    at_edge: BoolArray
    pending: Sequence[FoundInWindow]
    seen: Sequence[Seen]


@dataclass(slots=True)
class _Watched:
    """The network for one window, whose features are kept."""

    network: OnnxNetwork
    features: NDArray[np.float32] | None = None
    is_asked: bool = False

    @property
    def kind(self) -> ShapeKind:
        return self.network.kind

    def predict(self, images: Sequence[Pixels]) -> list[Shapes]:
        (image,) = images
        ((shapes, self.features),) = self.network.predict_with_features([image])
        self.is_asked = True
        return [shapes]


@dataclass(frozen=True)
class SceneScan:
    """The prediction of one image file, row of windows by row of windows.

    Attributes:
        network: Network with the minimum score of this prediction.
        bundle: Bundle of the network.
        path: The image.
        pixels: How it is read.
        size: Width and height, in pixels.
        grid: Its windows.
        is_whole: Whether the one window is the whole image, which may be reduced.
        georeference: Where the image lies on Earth, or None.
        classes: Names of the classes that are kept.
    """

    network: OnnxNetwork
    bundle: Bundle
    path: Path
    pixels: PixelOptions
    size: tuple[int, int]
    grid: Grid
    is_whole: bool
    georeference: Georeference | None
    classes: frozenset[str]

    @property
    def confidence(self) -> float:
        """The minimum score of the shapes in windows."""
        return self.network.settings.confidence

    def rows(self, first_row: int = 0, pending: Sequence[FoundInWindow] = ()) -> Iterator[FoundRow]:
        """Predict the rows from a row on.

        Args:
            first_row: First row of windows to predict.
            pending: `pending` of the row before.

        Raises:
            ImageError: If the image does not decode.
        """
        merge = RowMerge(*self.size, self.bundle.settings.merge_iou, pending)
        tops = [int(shapes.xyxy[:, 1].min()) for _, shapes in pending]
        top = min([self.grid.rows[first_row][0], *tops])
        with DataRows(self.path, self.pixels, self.size, self.grid, top) as data:
            for row in self._windows(first_row):
                found, seen = self._predicted(row, data.of_row(row.index))
                is_last = row.index + 1 == len(self.grid.rows)
                below = None if is_last else self.grid.rows[row.index + 1][0]
                objects = self._of_classes(merge.add(found, below))
                at_edge = self._at_edge(objects, data)
                if self.bundle.settings.edges == "drop":
                    objects, at_edge = objects.select(~at_edge), at_edge[~at_edge]
                done = (row.index + 1) * len(self.grid.columns)
                yield FoundRow(row.index, done, objects, at_edge, merge.pending, seen)

    def _windows(self, first_row: int) -> Iterator[WindowRow]:
        if not self.is_whole:
            yield from window_rows(self.path, self.grid, self.pixels, first_row)
            return
        window = self.grid.window(0)
        yield WindowRow(0, iter([(window, read_whole(self.path, *self.size, self.pixels))]))

    def _predicted(
        self, row: WindowRow, has_data: BoolArray
    ) -> tuple[list[FoundInWindow], list[Seen]]:
        """The shapes of a row by window, and the windows that the network saw."""
        found: list[FoundInWindow] = []
        seen: list[Seen] = []
        for (window, pixels), there in zip(row.windows, has_data, strict=True):
            if there:
                found.append((window, self._in_window(pixels, window, seen)))
        return found, seen

    def _in_window(self, pixels: Pixels, window: Window, seen: list[Seen]) -> Shapes:
        settings = self.bundle.settings
        if self.is_whole:
            settings = replace(settings, skip_empty=False)
        started, watched = time.monotonic(), _Watched(self.network)
        shapes = predict_window(watched, pixels, window, settings)
        if watched.is_asked:
            took = time.monotonic() - started
            seen.append(Seen(window, shapes, measures_of(pixels), watched.features, took))
        return shapes

    def _of_classes(self, shapes: Shapes) -> Shapes:
        if len(self.classes) == len(self.bundle.class_names):
            return shapes
        return shapes.select(np.array([label in self.classes for label in shapes.labels], bool))

    def _at_edge(self, objects: Shapes, data: DataRows) -> BoolArray:
        if not objects.kind.has_places:
            return np.zeros(len(objects), dtype=np.bool_)
        return data.at_edge(objects.xyxy)


@dataclass(frozen=True)
class PackedDetector:
    """A bundle whose network is loaded.

    Attributes:
        bundle: The bundle.
        network: Its network.
        outliers: The training set's features, or None where the bundle has none.
    """

    bundle: Bundle
    network: OnnxNetwork
    outliers: OutlierReference | None = None

    @classmethod
    def load(cls, folder: Path, threads: int) -> Self:
        """Open a bundle, and make sure that it finds on its test image what it must.

        Args:
            folder: The bundle's folder `src`.
            threads: Number of threads that compute one image.

        Raises:
            BundleError: If it is not as it was packed, or finds something else.
        """
        bundle = Bundle.open(folder)
        try:
            detector = cls(bundle, network_of(bundle, threads), bundle.load_outliers())
        except Exception:  # onnxruntime's errors have no public base
            raise BundleError("The network of the bundle cannot be loaded.") from None
        detector.prove()
        return detector

    @cached_property
    def expected(self) -> dict[str, Any]:
        """The answer that the test image must give."""
        expected: dict[str, Any] = json.loads(self.bundle.expected.read_bytes())
        return expected

    def prove(self) -> Shapes:
        """Predict the test image; returns what was found, which is what must be found.

        Raises:
            BundleError: If something else is found.
        """
        scan = self.scan(self.bundle.test_image, {}, PixelOptions())
        found, _ = objects_in_order(list(scan.rows()))
        wanted = shapes_of(self.expected["objects"], self.bundle.kind)
        if not _is_same(found, wanted):
            raise BundleError(
                f"The bundle does not find on its test image what it must: {len(wanted)} "
                f"{self.bundle.kind.noun} were packed, and {len(found)} were found, or other "
                "ones. Pack it again with: python run.py --package"
            )
        return found

    def pixel_options(self, most_pixels: int) -> PixelOptions:
        """How images are read, with the limit of the service on their size."""
        return PixelOptions(**{**self.bundle.settings.pixels, "max_pixels": most_pixels})

    def scan(self, path: Path, options: dict[str, Any], pixels: PixelOptions) -> SceneScan:
        """Plan the prediction of an image.

        Args:
            path: The image.
            options: `confidence`, `classes` and `tile_size`, where a client asks for others.
            pixels: How it is read.

        Raises:
            ImageError: If it is no image, or too large.
        """
        size = image_size(path, pixels)
        settings = self.bundle.settings
        georeference = read_georeference(path)
        is_whole = not self.bundle.kind.has_places and settings.classify == "scene"
        if is_whole:
            grid = Grid(columns=((0, size[0]),), rows=((0, size[1]),))
        else:
            grid = Grid.over(*size, *self._sides(options, georeference, size))
        network = self.network
        least = float(options.get("confidence", settings.confidence))
        return SceneScan(
            network=replace(network, settings=settings.of_network(least)),
            bundle=self.bundle,
            path=path,
            pixels=pixels,
            size=size,
            grid=grid,
            is_whole=is_whole,
            georeference=georeference,
            classes=frozenset(options.get("classes", self.bundle.class_names)),
        )

    def _sides(
        self, options: dict[str, Any], georeference: Georeference | None, size: tuple[int, int]
    ) -> tuple[int, int]:
        """Side and overlap of the windows."""
        if side := options.get("tile_size"):
            return int(side), max(int(side) // _OVERLAPS, 1)
        settings = self.bundle.settings
        metres = ground_sample_distance(georeference, *size)
        learned = settings.ground_sample_distance
        return resampled_sides(settings.tile_size, settings.overlap, learned, metres)


def objects_in_order(rows: Sequence[FoundRow]) -> tuple[Shapes, BoolArray]:
    """All objects of an image, as the merge of all windows orders them, and which are at an edge.

    Args:
        rows: All rows of its windows.
    """
    found = Shapes.concatenated([row.objects for row in rows])
    at_edge = np.concatenate([row.at_edge for row in rows])
    classes = np.unique(np.array(found.labels, dtype=str), return_inverse=True)[1]
    order = np.lexsort((classes, *found.xyxy.T[::-1], -found.confidences))
    return found.select(order), at_edge[order]


def _is_same(found: Shapes, wanted: Shapes) -> bool:
    """Whether each object has its counterpart, but for what another processor may round."""
    if len(found) != len(wanted):
        return False
    left = list(range(len(wanted)))
    for label, score, box in zip(found.labels, found.confidences, found.xyxy, strict=True):
        for index in left:
            if (
                wanted.labels[index] == label
                and abs(wanted.confidences[index] - score) <= _SAME_SCORE
                and np.abs(wanted.xyxy[index] - box).max() <= _SAME_PIXELS
            ):
                left.remove(index)
                break
        else:
            return False
    return True


def answer_objects(shapes: Shapes, at_edge: BoolArray) -> list[dict[str, Any]]:
    """The objects of an answer; `at_edge` is told where it is so."""
    objects = objects_of(shapes)
    for one, touches in zip(objects, at_edge.tolist(), strict=True):
        if touches:
            one["at_edge"] = True
    return objects
