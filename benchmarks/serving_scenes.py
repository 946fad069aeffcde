"""Scenes of 400 megapixels and of 10 gigapixels through `/scenes`: memory, first boxes, kills."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import threading
import time
import warnings
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import rasterio
from rasterio.errors import NotGeoreferencedWarning
from rasterio.windows import Window

from benchmarks.bars import Bar
from tests.fixtures.services import Service, served, wait_for
from tests.fixtures.spots import CELL, COLOURS, MARGIN, SIDE, scattered_cells, write_bundle
from utils.serving import Client

TILE = 1024
OVERLAP = 256
BLOCK = 512
SCALE = TILE // SIDE  # a cell of the network is so many times larger in the scene
SPOTS = 500
KILLS = 3
MEGABYTES_BAR = 450.0
FIRST_BAR = 0.01
SIDES = {"400 MP": 20_224, "10 GP": 100_096}  # 256 + 768 n: whole windows only


def giant_scenes(folder: Path) -> list[Bar]:
    """Predict both scenes; the larger one is killed three times."""
    bundle = write_bundle(folder / "giant", tile_size=TILE, overlap=OVERLAP).folder
    peaks: dict[str, float] = {}
    bars: list[Bar] = []
    for name, side in SIDES.items():
        scene, expected = write_scene(folder / f"{name}.tif", side)
        state = folder / f"state of {name}"
        with served(bundle, state, "--allow", str(folder), "--scene-pixels", "20000000000") as one:
            run = watched(one, scene, kills=KILLS if name == "10 GP" else 0)
        peaks[name] = run.peak
        wrong = len(set(map(tuple, run.boxes)) ^ set(map(tuple, expected)))
        print(
            f"{name}: {run.windows} windows in {run.seconds:.0f} s, first object after "
            f"{run.first_windows} windows, {len(run.boxes)} objects, {run.killed} kills, peak "
            f"{run.peak:.0f} MB"
        )
        bars.append(Bar(f"wrong objects in {name}", wrong + len(run.boxes) - len(expected), 0))
        if name == "10 GP":
            share = run.first_windows / run.windows
            bars.append(Bar("share of the windows before the first object", share, FIRST_BAR))
            bars.append(Bar("kills", run.killed, KILLS, at_least=True))
    return [
        *bars,
        *(Bar(f"MB at {name}", peak, MEGABYTES_BAR) for name, peak in peaks.items()),
    ]


def write_scene(path: Path, side: int) -> tuple[Path, list[tuple[float, ...]]]:
    """A tiled BigTIFF with spots, sparse in between; returns the boxes that must be found."""
    large = CELL * SCALE
    cells = scattered_cells(side // SCALE, side // SCALE, SPOTS)
    if not any(row < SIDE // CELL - 2 for _, row, _ in cells):
        cells.append((0, 0, "ship"))
    warnings.simplefilter("ignore", NotGeoreferencedWarning)
    layout = {"tiled": True, "blockxsize": BLOCK, "blockysize": BLOCK, "compress": "deflate"}
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        width=side,
        height=side,
        count=3,
        dtype="uint8",
        BIGTIFF="YES",
        SPARSE_OK="TRUE",
        photometric="RGB",
        interleave="pixel",
        **layout,
    ) as raster:
        for column, row, label in cells:
            spot = (
                np.zeros((3, large, large), np.uint8)
                + np.array(COLOURS[label], np.uint8)[:, None, None]
            )
            raster.write(spot, window=Window(column * large, row * large, large, large))
    margin = MARGIN["1"] * SCALE
    boxes = [
        (
            column * large + margin,
            row * large + margin,
            (column + 1) * large - margin,
            (row + 1) * large - margin,
        )
        for column, row, _ in cells
    ]
    return path, sorted(boxes)


@dataclass
class Run:
    """A scene that was predicted.

    Attributes:
        boxes: Boxes, sorted.
        windows: Number of windows.
        first_windows: Number of windows that were done when the first object came.
        seconds: Time until the last object.
        peak: Highest memory of all processes of the service together, in MB.
        killed: Number of processes that were killed.
    """

    boxes: list[tuple[float, ...]] = field(default_factory=list)
    windows: int = 0
    first_windows: int = 0
    seconds: float = 0.0
    peak: float = 0.0
    killed: int = 0


def watched(service: Service, scene: Path, kills: int) -> Run:
    """Predict a scene, watch the memory, and kill its worker at random moments."""
    run, client = Run(), Client(service.url)
    started = time.perf_counter()
    job = client.scene(address=str(scene))
    over = threading.Event()
    watching = threading.Thread(target=_watch, args=(service, run, over))
    killing = threading.Thread(target=_kill, args=(service, client, job, run, kills))
    watching.start()
    killing.start()
    for one in client.stream(job):
        if not run.boxes:
            run.first_windows = int(client.state(job)["windows_done"])
        run.boxes.append(tuple(one["box"]))
    run.seconds = time.perf_counter() - started
    run.boxes.sort()
    killing.join()
    over.set()
    watching.join()
    run.windows = int(client.state(job)["windows"])
    return run


def _watch(service: Service, run: Run, over: threading.Event) -> None:
    while not over.wait(0.3):
        run.peak = max(run.peak, sum(_pss(pid) for pid in (service.process.pid, *service.children)))


def _pss(pid: int) -> float:
    with contextlib.suppress(OSError, StopIteration):
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        return next(int(x.split()[1]) for x in lines if x.startswith("Pss:")) * 1024 / 1e6
    return 0.0


def _kill(service: Service, client: Client, job: str, run: Run, kills: int) -> None:
    chance = random.Random(5)  # noqa: S311
    for share in sorted(chance.uniform(0.05, 0.9) for _ in range(kills)):
        wait_for(lambda share=share: _share_done(client, job) >= share, 3600)
        for pid in service.children_running("scene_worker"):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
                run.killed += 1


def _share_done(client: Client, job: str) -> float:
    told = client.state(job)
    return float(told.get("windows_done", 0)) / float(told.get("windows", 1))
