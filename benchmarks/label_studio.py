"""Sending and fetching 2,000 and 20,000 tasks of 10 boxes: `make bench`.

They are sent as ground truth, which waits or is submitted, and as pre-annotations of new tasks and
of tasks that are there; 40 tasks go one by one, a request each. 2,000 tasks of 10 polygons of 30
points go beside a bare import of the same bytes.

Runs on an embedded Label Studio of its own, in a temporary folder, and prints seconds and ratios.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from PIL import Image
from rich.console import Console
from rich.table import Table

from benchmarks.bars import Bar, exit_code
from benchmarks.label_studio_polygons import measure_polygons, told
from utils.annotation.label_studio.connection import ask, connect
from utils.annotation.label_studio.data_manager import WAITING, count_tasks
from utils.annotation.label_studio.export import export_annotations
from utils.annotation.label_studio.images import ServedImages, connect_storage
from utils.annotation.label_studio.options import LabelStudioOptions
from utils.annotation.label_studio.project import open_project
from utils.annotation.label_studio.sending import send_tiles
from utils.annotation.label_studio.server import start_label_studio, stop_label_studio
from utils.annotation.label_studio.sync import sync_tasks
from utils.annotation.label_studio.tasks import task_of
from utils.annotation.options import ExportOptions
from utils.annotation.preannotations import Preannotation
from utils.annotation.project import Project
from utils.annotation.results import ExportResult
from utils.geometry import Window
from utils.ports import free_port
from utils.privacy import keep_private
from utils.shapes.shapes import Shapes
from utils.tiling.manifest import TileManifest
from utils.tiling.tile import Tile

FEW, MANY = 2_000, 20_000
BOXES_PER_TASK = 10
TASKS_ONE_BY_ONE = 40
TASKS_PER_SECOND_BAR = 150.0
EXPORT_SECONDS_BAR = 15.0
# Share of the rate that has to be left with ten times as many tasks.
LEFT_BAR = 0.5

IMPORT = "import in bulk"
ANNOTATED = "import as annotations"
AGAIN = "import again, adding nothing"
EXPORT = "export"
EXPORT_ANNOTATED = "export with annotations"
NEW = "new tasks with pre-annotations"
THERE = "pre-annotations on tasks with annotations"
THERE_AGAIN = "the same again, adding nothing"
WAIT = "pre-annotations on tasks that wait"
OTHER = "other boxes of the same model version"
MOVED = "annotations that become proposals"


@dataclass(frozen=True)
class Measurement:
    """The measurements of one number of tasks.

    Attributes:
        tasks: Number of tasks.
        seconds: Seconds for all of them, by the kind of work.
        one_by_one: Seconds for `TASKS_ONE_BY_ONE` tasks, a request for the task and one for its
            annotation each.
    """

    tasks: int
    seconds: dict[str, float]
    one_by_one: float

    def rate(self, work: str) -> float:
        """Tasks per second."""
        return self.tasks / self.seconds[work]


def main() -> int:
    """Measure and print; returns the exit code, 1 where a bar is missed."""
    keep_private()
    measured = []
    for tasks in (FEW, MANY):
        with (
            TemporaryDirectory(prefix="spyglass-bench-") as folder,
            own_server(Path(folder)) as server,
        ):
            client = connect(server.url, server.api_key)
            measured.append(measure(client, Path(folder), tasks))
            if tasks == FEW:
                made = make_tiles(Path(folder, "polygons"), tasks)
                polygons = measure_polygons(server, Path(folder), made)
    few, many = measured
    show(few, many)
    Console(width=110).print(told(polygons, FEW))
    return exit_code("Label Studio", [*bars(few, many), *polygons.bars()])


def bars(few: Measurement, many: Measurement) -> list[Bar]:
    """The promises: tasks a second, the share of that rate with many tasks, and an export."""
    works = (IMPORT, ANNOTATED, NEW, THERE, WAIT, OTHER)
    return [
        *(
            Bar(f"tasks/s, {work}", few.rate(work), TASKS_PER_SECOND_BAR, at_least=True)
            for work in works
        ),
        Bar(f"seconds to export {FEW} tasks", few.seconds[EXPORT], EXPORT_SECONDS_BAR),
        *(
            Bar(f"rate left with {MANY}, {work}", left(few, many, work), LEFT_BAR, at_least=True)
            for work in few.seconds
        ),
    ]


def left(few: Measurement, many: Measurement, work: str) -> float:
    """The share of a rate that is left with many tasks."""
    return many.rate(work) / few.rate(work)


@contextmanager
def own_server(folder: Path) -> Iterator[Any]:
    """An embedded server apart from the user's; the installed program is shared."""
    from utils.paths import local_folder

    os.environ.setdefault("SPYGLASS_ENVIRONMENTS", str(local_folder("environments")))
    os.environ["SPYGLASS_LOCAL"] = str(folder / "local")
    server = start_label_studio(port=free_port())
    try:
        yield server
    finally:
        stop_label_studio()


def measure(client: Any, folder: Path, tasks: int) -> Measurement:
    """Time import in bulk and one by one, a second sync, export, pre-annotations, and moving."""
    tiles = make_tiles(folder / "store", tasks)
    manifest = TileManifest.write(folder / "manifest.parquet", ["ship"], tiles)
    store = str(folder / "store")

    def project_named(title: str) -> tuple[Project, ServedImages]:
        made = open_project(client, LabelStudioOptions(project=title), ["ship"])
        return made, connect_storage(client, made, store)

    waiting, annotated, moving, single, picks = (
        project_named(f"benchmark {name}")
        for name in ("of proposals", "of annotations", "of moving", "one by one", "of picks")
    )

    def sync(to: tuple[Project, ServedImages], ground_truth: str = "proposals") -> float:
        options = LabelStudioOptions.model_validate({"ground_truth": ground_truth})
        return seconds(lambda: sync_tasks(client, to[0], manifest, to[1], options))

    def send(to: tuple[Project, ServedImages], score: float = 0.5) -> float:
        suggested = [(replace(tile, shapes=None), suggestion(tile, score)) for tile in tiles]
        return seconds(lambda: send_tiles(client, to[0], suggested, to[1], LabelStudioOptions()))

    def export(of: tuple[Project, ServedImages]) -> float:
        out = folder / "labels.parquet"
        results: list[ExportResult] = []
        taken = seconds(
            lambda: results.append(
                export_annotations(client, of[0], manifest, out, ExportOptions())
            )
        )
        assert len(results[0].dataset) == tasks
        return taken

    def move() -> float:
        sync(moving, "annotations")
        taken = sync(moving)
        assert count_tasks(client, moving[0].id, WAITING) == tasks
        return taken

    one_by_one = seconds(lambda: send_one_by_one(client, single[0], tiles[:TASKS_ONE_BY_ONE]))
    taken = {
        IMPORT: sync(waiting),
        ANNOTATED: sync(annotated, "annotations"),
        AGAIN: sync(waiting),
        EXPORT: export(waiting),
        EXPORT_ANNOTATED: export(annotated),
        NEW: send(picks),
        THERE: send(annotated),
        THERE_AGAIN: send(annotated),
        WAIT: send(waiting),
        OTHER: send(waiting, score=0.75),
        MOVED: move(),
    }
    return Measurement(tasks, taken, one_by_one)


def suggestion(tile: Tile, score: float) -> Preannotation:
    """Likely predictions of a detector: the true boxes, with scores."""
    truth = Shapes() if tile.shapes is None else tile.shapes
    return Preannotation(Shapes(truth.xyxy, truth.labels, np.full(len(truth), score)), "1", 0.5)


def make_tiles(store: Path, tasks: int) -> list[Tile]:
    """Tiles that share one image."""
    store.mkdir()
    Image.new("RGB", (1000, 1000)).save(store / "tile.png")
    corners = np.random.default_rng(0).uniform(0, 900, (tasks, BOXES_PER_TASK, 2))
    return [
        Tile(
            tile_id=f"tile-{number:05}",
            scene_id="benchmark/scene.png",
            window=Window(x=0, y=0, width=1000, height=1000),
            uri=str(store / "tile.png"),
            sha256="0" * 64,
            size_bytes=1,
            scene_width=1000,
            scene_height=1000,
            shapes=Shapes(np.hstack([corner, corner + 50]), ("ship",) * BOXES_PER_TASK),
        )
        for number, corner in enumerate(corners)
    ]


def send_one_by_one(client: Any, project: Project, tiles: list[Tile]) -> None:
    """Create each task, then its annotation, by a loop over the API."""
    for tile in tiles:
        body = json.loads(task_of(tile, "/tile.png").body)
        (annotation,) = body.pop("annotations")
        task = ask(client, "POST", "api/tasks/", json=body | {"project": project.id})
        ask(client, "POST", f"api/tasks/{task['id']}/annotations/", json=annotation)


def seconds(work: Any) -> float:
    """Wall time of a call."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def show(few: Measurement, many: Measurement) -> None:
    """Print seconds and rates of both sizes, and ratios."""
    table = Table("Label Studio", f"{FEW} tasks, s", "tasks/s", f"{MANY}, s", "tasks/s", "left")
    for work in few.seconds:
        cells = [
            text
            for one in (few, many)
            for text in (f"{one.seconds[work]:.1f}", f"{one.rate(work):.0f}")
        ]
        table.add_row(work, *cells, f"{left(few, many, work):.0%}")
    console = Console(width=110)
    console.print(table)
    ratio = few.rate(IMPORT) / (TASKS_ONE_BY_ONE / few.one_by_one)
    share = few.rate(IMPORT) / few.rate(ANNOTATED)
    console.print(f"Proposals are sent {share:.2f} times as fast as annotations.")
    console.print(f"In bulk is {ratio:.0f} times as fast as one by one.")


if __name__ == "__main__":
    sys.exit(main())
