"""Polygons into Label Studio: Spyglass' sync beside a bare bulk import of the same bytes.

2,000 tasks of 10 polygons of 30 points each, sent as proposals; `benchmarks.label_studio` runs it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.bars import Bar
from utils.annotation.label_studio.connection import ask, connect
from utils.annotation.label_studio.export import export_annotations
from utils.annotation.label_studio.images import connect_storage
from utils.annotation.label_studio.import_queue import batches
from utils.annotation.label_studio.options import LabelStudioOptions
from utils.annotation.label_studio.project import open_project
from utils.annotation.label_studio.sync import sync_tasks
from utils.annotation.label_studio.tabs import provide_tabs
from utils.annotation.label_studio.tasks import task_of
from utils.annotation.options import ExportOptions
from utils.annotation.review import GROUND_TRUTH
from utils.shapes.columns import with_kind
from utils.shapes.outlines import of_corners
from utils.shapes.shapes import ShapeKind, Shapes
from utils.tiling.manifest import TileManifest
from utils.tiling.tile import Tile

POLYGONS_PER_TASK = 10
POINTS = 30
ROUNDS = 2
SHARE_BAR = 0.8


@dataclass(frozen=True)
class PolygonRates:
    """Best of some rounds, in seconds.

    Attributes:
        megabytes: Size of all tasks as JSON.
        bulk: Import of the finished JSON, in requests of the same size.
        synced: Sync of the manifest, which makes the JSON.
        exported: Export of all of them.
    """

    megabytes: float
    bulk: float
    synced: float
    exported: float

    @property
    def share(self) -> float:
        """The share of the rate of the bare import that the sync reaches."""
        return self.bulk / self.synced

    def bars(self) -> list[Bar]:
        """The promise."""
        return [Bar("rate of the bare import of polygons", self.share, SHARE_BAR, at_least=True)]


def with_polygons(tiles: list[Tile]) -> list[Tile]:
    """The tiles with round polygons, 100 pixels wide, in place of their shapes."""
    turns = np.linspace(0, 2 * np.pi, POINTS, endpoint=False)
    circle = 50 * np.column_stack([np.cos(turns), np.sin(turns)])
    random = np.random.default_rng(0)
    return [
        replace(tile, shapes=_polygons(circle, random.uniform(50, 950, (POLYGONS_PER_TASK, 1, 2))))
        for tile in tiles
    ]


def _polygons(circle: Any, centres: Any) -> Shapes:
    outlines = of_corners(circle + centres)
    return Shapes.of_outlines(outlines, ["ship"] * len(outlines))


def measure_polygons(server: Any, folder: Path, tiles: list[Tile]) -> PolygonRates:
    """Time a bare import and a sync of the same tasks, in turns, then an export."""
    client = connect(server.url, server.api_key)
    tiles, kind = with_polygons(tiles), ShapeKind.SEGMENT
    path = folder / "polygons.parquet"
    manifest = TileManifest.write(path, ["ship"], tiles, footer=with_kind(kind))
    store = str(Path(tiles[0].uri).parent)
    bulk, synced = [], []
    for number in range(ROUNDS):
        options = LabelStudioOptions(project=f"benchmark of polygons {number}")
        project = open_project(client, options, ["ship"], kind)
        images = connect_storage(client, project, store)
        provide_tabs(client, project)  # once for a project, whatever is sent there
        bare = open_project(client, options.updated(project=f"bare {number}"), ["ship"], kind)
        url = images.url_of(tiles[0].uri) or ""
        tasks = [task_of(tile, url, propose_as=GROUND_TRUTH) for tile in tiles]
        requests = [
            b"[" + b",".join(task.body for task in batch) + b"]"
            for batch in batches(tasks, options.batch_megabytes, options.batch_tasks)
        ]
        bulk.append(_seconds(partial(_send, client, bare.id, requests)))
        synced.append(_seconds(partial(sync_tasks, client, project, manifest, images, options)))
    out = folder / "polygon_labels.parquet"
    exported = _seconds(
        partial(export_annotations, client, project, manifest, out, ExportOptions())
    )
    megabytes = sum(map(len, requests)) / 1e6
    return PolygonRates(megabytes, min(bulk), min(synced), exported)


def _send(client: Any, project_id: int, requests: list[bytes]) -> None:
    headers = {"Content-Type": "application/json"}
    for content in requests:
        path = f"api/projects/{project_id}/import"
        ask(client, "POST", path, content=content, headers=headers, timeout_s=600)


def _seconds(work: Callable[[], object]) -> float:
    """Wall time of a call."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def told(rates: PolygonRates, tasks: int) -> str:
    """One sentence with the numbers."""
    return (
        f"{tasks} tasks of {POLYGONS_PER_TASK} polygons of {POINTS} points "
        f"({rates.megabytes:.0f} MB): bare import {rates.bulk:.1f} s, sync {rates.synced:.1f} s "
        f"({rates.share:.0%} of its rate), export {rates.exported:.1f} s."
    )
