"""Sending and fetching 2,000 tasks of 10 boxes, against one request a task: `make bench`.

They are sent as ground truth, which waits or is submitted, and as pre-annotations of new tasks and
of tasks that are there.

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
from utils.geometry import Boxes, Window
from utils.ports import free_port
from utils.privacy import keep_private
from utils.tiling.manifest import TileManifest
from utils.tiling.tile import Tile

TASKS = 2000
BOXES_PER_TASK = 10
TASKS_ONE_BY_ONE = 40
TASKS_PER_SECOND_BAR = 150.0
EXPORT_SECONDS_BAR = 15.0


@dataclass(frozen=True)
class Measurement:
    """The measurements of one run.

    Attributes:
        bulk: Seconds for all tasks in bulk, with their ground truth as proposals.
        annotated: Seconds for the same with the ground truth as annotations.
        again: Seconds for a second sync, which adds nothing.
        one_by_one: Seconds for `TASKS_ONE_BY_ONE` tasks, a request for the task and one for its
            annotation each.
        export: Seconds for the export of all tasks, which wait.
        export_annotated: Seconds for the export of all tasks with annotations.
        suggested: Seconds for all tasks with pre-annotations.
        suggested_there: Seconds for pre-annotations on all tasks with annotations.
        suggested_again: Seconds for the same again, which adds nothing.
        suggested_waiting: Seconds for pre-annotations on all tasks that wait, whose known labels
            are sent once more under the name that the project then shows.
        moved: Seconds in which untouched annotations of all tasks become proposals.
    """

    bulk: float
    annotated: float
    again: float
    one_by_one: float
    export: float
    export_annotated: float
    suggested: float
    suggested_there: float
    suggested_again: float
    suggested_waiting: float
    moved: float


def main() -> int:
    """Measure and print; returns the exit code, 1 where a bar is missed."""
    keep_private()
    with TemporaryDirectory(prefix="spyglass-bench-") as folder, own_server(Path(folder)) as server:
        measured = measure(connect(server.url, server.api_key), Path(folder))
    show(measured)
    return exit_code("Label Studio", bars(measured))


def bars(measured: Measurement) -> list[Bar]:
    """The promises: tasks a second, plain and with pre-annotations, and an export in seconds."""
    rates = {
        "tasks/s, with ground truth": measured.bulk,
        "tasks/s, with ground truth as annotations": measured.annotated,
        "tasks/s, new ones with pre-annotations": measured.suggested,
        "tasks/s, pre-annotations on those that are there": measured.suggested_there,
    }
    return [
        *(
            Bar(promise, TASKS / taken, TASKS_PER_SECOND_BAR, at_least=True)
            for promise, taken in rates.items()
        ),
        Bar(f"seconds to export {TASKS} tasks", measured.export, EXPORT_SECONDS_BAR),
    ]


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


def measure(client: Any, folder: Path) -> Measurement:
    """Time import in bulk and one by one, a second sync, export, pre-annotations, and moving."""
    tiles = make_tiles(folder / "store")
    manifest = TileManifest.write(folder / "manifest.parquet", ["ship"], tiles)
    store = str(folder / "store")

    def project_named(title: str) -> tuple[Project, ServedImages]:
        made = open_project(client, LabelStudioOptions(project=title), ["ship"])
        return made, connect_storage(client, made, store)

    waiting = project_named("benchmark of proposals")
    annotated = project_named("benchmark of annotations")
    moving = project_named("benchmark of moving")
    single, _ = project_named("benchmark one by one")
    picks = project_named("benchmark of picks")
    suggested = [(replace(tile, boxes=None), suggestion(tile)) for tile in tiles]

    def sync(to: tuple[Project, ServedImages], ground_truth: str = "proposals") -> float:
        options = LabelStudioOptions.model_validate({"ground_truth": ground_truth})
        return seconds(lambda: sync_tasks(client, to[0], manifest, to[1], options))

    def send(to: tuple[Project, ServedImages]) -> float:
        return seconds(lambda: send_tiles(client, to[0], suggested, to[1], LabelStudioOptions()))

    def export(of: tuple[Project, ServedImages]) -> float:
        out = folder / "labels.parquet"
        results: list[ExportResult] = []
        taken = seconds(
            lambda: results.append(
                export_annotations(client, of[0], manifest, out, ExportOptions())
            )
        )
        assert len(results[0].dataset) == TASKS
        return taken

    def move() -> float:
        sync(moving, "annotations")
        taken = sync(moving)
        assert count_tasks(client, moving[0].id, WAITING) == TASKS
        return taken

    return Measurement(
        bulk=sync(waiting),
        annotated=sync(annotated, "annotations"),
        again=sync(waiting),
        one_by_one=seconds(lambda: send_one_by_one(client, single, tiles[:TASKS_ONE_BY_ONE])),
        export=export(waiting),
        export_annotated=export(annotated),
        suggested=send(picks),
        suggested_there=send(annotated),
        suggested_again=send(annotated),
        suggested_waiting=send(waiting),
        moved=move(),
    )


def suggestion(tile: Tile) -> Preannotation:
    """Likely predictions of a detector: the true boxes, with scores."""
    truth = tile.boxes or Boxes()
    return Preannotation(Boxes(truth.xyxy, truth.labels, np.full(len(truth), 0.5)), "1", 0.5)


def make_tiles(store: Path) -> list[Tile]:
    """Tiles that share one image."""
    store.mkdir()
    Image.new("RGB", (1000, 1000)).save(store / "tile.png")
    corners = np.random.default_rng(0).uniform(0, 900, (TASKS, BOXES_PER_TASK, 2))
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
            boxes=Boxes(np.hstack([corner, corner + 50]), ("ship",) * BOXES_PER_TASK),
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


def show(measured: Measurement) -> None:
    """Print seconds, rates and a ratio."""
    table = Table("Label Studio", "seconds", "tasks/s")
    for name, count, taken in (
        (f"import of {TASKS} tasks in bulk", TASKS, measured.bulk),
        ("the same as annotations", TASKS, measured.annotated),
        ("the same again, adding nothing", TASKS, measured.again),
        (f"{TASKS_ONE_BY_ONE} tasks, one by one", TASKS_ONE_BY_ONE, measured.one_by_one),
        (f"export of {TASKS} tasks", TASKS, measured.export),
        ("the same with annotations", TASKS, measured.export_annotated),
        (f"{TASKS} new tasks with pre-annotations", TASKS, measured.suggested),
        (f"pre-annotations on {TASKS} tasks that are there", TASKS, measured.suggested_there),
        ("the same again, adding nothing", TASKS, measured.suggested_again),
        (f"pre-annotations on {TASKS} tasks that wait", TASKS, measured.suggested_waiting),
        (f"{TASKS} annotations that become proposals", TASKS, measured.moved),
    ):
        table.add_row(name, f"{taken:.1f}", f"{count / taken:.0f}")
    console = Console()
    console.print(table)
    ratio = (TASKS / measured.bulk) / (TASKS_ONE_BY_ONE / measured.one_by_one)
    share = measured.annotated / measured.bulk
    console.print(f"Proposals are sent {share:.2f} times as fast as annotations.")
    console.print(f"In bulk is {ratio:.0f} times as fast as one by one.")


if __name__ == "__main__":
    sys.exit(main())
