"""Merging 33,000 boxes of overlapping windows, against SAHI's and torchvision's ways.

Oriented boxes and polygons are merged as well, by their true overlap; neither of the others does
that.

Run it with `python -m benchmarks.merging`. All ways get the same boxes, in turn, in one process;
the fastest round of each counts. It ends with exit code 1 when a bar is missed.
"""

from __future__ import annotations

import sys
import time
import tracemalloc
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from sahi.postprocess.combine import greedy_nmm
from torchvision.ops import nms

from benchmarks.bars import Bar, exit_code
from utils.detection.merge import merge_windows
from utils.geometry import FloatArray, Window, box_areas, clip_boxes
from utils.shapes.grid import tile_windows
from utils.shapes.outlines import of_corners, oriented_boxes
from utils.shapes.shapes import ShapeKind, Shapes

ROUNDS = 5
TILE_SIZE, OVERLAP = 1000, 200
MERGE_IOU = 0.5
SECONDS_BAR = 0.3
OUTLINES_SECONDS_BAR = 15.0
CORNERS = 24
MEGABYTES_BAR = 100.0
SMALLEST_SHARE_FOUND = 0.2
JITTER_PIXELS = 1.0
# Side of the scene, number of objects and their typical size, in pixels.
SCENES = {"spread over 400 MP": (20_000, 20_500, 40), "crowded into 25 MP": (5_000, 21_600, 40)}

Found = list[tuple[Window, Shapes]]


def make_findings(side: int, count: int, size: int) -> Found:
    """Likely predictions of a good detector at random places, each window on its own."""
    rng = np.random.default_rng(0)
    corner = rng.uniform(0, side - 2 * size, (count, 2))
    objects = np.hstack([corner, corner + rng.uniform(size / 2, 2 * size, (count, 2))])
    return [
        (window, _seen(objects, window, rng))
        for window in tile_windows(side, side, TILE_SIZE, OVERLAP)
    ]


def _seen(objects: FloatArray, window: Window, rng: np.random.Generator) -> Shapes:
    visible = clip_boxes(objects, window.xyxy)
    visible = visible[box_areas(visible) > SMALLEST_SHARE_FOUND * box_areas(objects)]
    shaken = clip_boxes(visible + rng.normal(0, JITTER_PIXELS, visible.shape), window.xyxy)
    return Shapes(shaken, ("ship",) * len(shaken), rng.uniform(0.1, 1, len(shaken)))


def make_outlined_findings(side: int, count: int, size: int, kind: ShapeKind) -> Found:
    """Predictions of a perfect detector of oriented boxes, or of polygons of 24 corners."""
    import shapely

    rng = np.random.default_rng(0)
    centres = rng.uniform(size, side - size, (count, 2))
    sizes = np.column_stack([rng.uniform(size / 2, 2 * size, count), np.full(count, size / 3)])
    outlines = oriented_boxes(centres, sizes, rng.uniform(0, 360, count))
    if kind == ShapeKind.SEGMENT:
        turns = np.linspace(0, 2 * np.pi, CORNERS, endpoint=False)
        ring = np.column_stack([np.cos(turns), np.sin(turns)])
        outlines = of_corners(centres[:, None] + ring * sizes[:, None, :1] / 2)
    truth = Shapes.of_outlines(outlines, ("ship",) * count, kind=kind)
    tree = shapely.STRtree(outlines)
    found = []
    for window in tile_windows(side, side, TILE_SIZE, OVERLAP):
        near = truth.select(tree.query(shapely.box(*window.xyxy)))
        seen = near.select(near.visible_shares(window) > SMALLEST_SHARE_FOUND)
        scores = rng.uniform(0.1, 1, len(seen))
        found.append((window, replace(seen.clipped(window.xyxy), scores=scores)))
    return found


def measure_outlines(name: str, side: int, count: int, size: int) -> tuple[float, list[list[str]]]:
    """Merge oriented boxes and polygons of one scene: the seconds of the slower, and the rows."""
    slowest, rows = 0.0, []
    for kind in (ShapeKind.OBB, ShapeKind.SEGMENT):
        found = make_outlined_findings(side, count, size, kind)
        started = time.perf_counter()
        left = len(merge_windows(found, side, side, merge_iou=MERGE_IOU))
        seconds = time.perf_counter() - started
        slowest = max(slowest, seconds)
        pieces = sum(len(shapes) for _, shapes in found)
        title = f"{name}: {pieces} {kind.noun} of {count} objects"
        rows.append([title, "Spyglass", f"{seconds:.3f}", "", str(left)])
    return slowest, rows


def _rows(found: Found) -> FloatArray:
    """All boxes as (x1, y1, x2, y2, score, class) rows."""
    boxes = np.vstack([part.xyxy for _, part in found])
    scores = np.concatenate([part.scores for _, part in found])
    return np.column_stack([boxes, scores, np.zeros(len(boxes))])


def measure(name: str, side: int, count: int, size: int) -> tuple[float, float, list[list[str]]]:
    """Merge one scene in every way.

    Returns:
        Our seconds, our peak memory in megabytes, and a row of the table for every way.
    """
    found = make_findings(side, count, size)
    rows = _rows(found)
    tensor = torch.from_numpy(rows)
    ways: dict[str, Callable[[], int]] = {
        "Spyglass": lambda: len(merge_windows(found, side, side, merge_iou=MERGE_IOU)),
        "SAHI greedy NMM": lambda: len(greedy_nmm(rows, "IOS", MERGE_IOU)),
        "torchvision NMS": lambda: len(nms(tensor[:, :4], tensor[:, 4], MERGE_IOU)),
    }
    seconds, left = _in_turn(ways)
    megabytes = _peak_megabytes(ways["Spyglass"])
    table = [
        [
            f"{name}: {len(rows)} boxes of {count} objects",
            way,
            f"{seconds[way]:.3f}",
            f"{seconds[way] / seconds['Spyglass']:.2f}",
            str(left[way]),
        ]
        for way in ways
    ]
    return seconds["Spyglass"], megabytes, table


def _in_turn(ways: dict[str, Callable[[], int]]) -> tuple[dict[str, float], dict[str, int]]:
    """The seconds of the fastest round of each way, and how many boxes it leaves."""
    seconds, left = dict.fromkeys(ways, float("inf")), {}
    for _ in range(ROUNDS):
        for way, merge in ways.items():
            started = time.perf_counter()
            left[way] = merge()
            seconds[way] = min(seconds[way], time.perf_counter() - started)
    return seconds, left


def _peak_megabytes(merge: Callable[[], int]) -> float:
    tracemalloc.start()
    merge()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak / 1e6


def main() -> int:
    """Measure, print the table; 1 when a bar is missed."""
    table = Table("scene", "way", "seconds", "times ours", "objects left", title="merging")
    slowest = largest = outlined = 0.0
    for name, scene in SCENES.items():
        seconds, megabytes, rows = measure(name, *scene)
        slowest, largest = max(slowest, seconds), max(largest, megabytes)
        seconds, more = measure_outlines(name, *scene)
        outlined = max(outlined, seconds)
        for row in (*rows, *more):
            table.add_row(*row)
    Console(width=120).print(table)
    return exit_code(
        "merging 33,000 boxes",
        [
            Bar("seconds", slowest, SECONDS_BAR),
            Bar("seconds for outlines", outlined, OUTLINES_SECONDS_BAR),
            Bar("peak MB", largest, MEGABYTES_BAR),
        ],
    )


if __name__ == "__main__":
    sys.exit(main())
