"""Training and inference beside other work: how much longer than their share of the cores explains.

Run it with `python -m benchmarks.contention [PROGRAMS]`. A detector trains and predicts on the CPU,
each in a process of its own, first alone and then beside so many programs that never rest (by
default three a core), with OpenMP's threads asleep while they wait for each other, as Spyglass has
them, and spinning, as they do by default.

One thread that needs `alone` seconds of processor time is done after `alone / share` seconds, where
`share` is the part of a core that each of the restless programs gets meanwhile. The ratio of the
time taken to that one is printed. It is 1 where the share explains all of it, and less where
several threads compute. Whatever else the machine does lowers the shares of all, so the ratio holds
on a crowded machine too. It takes about five minutes, and ends with exit code 1 when a bar is
missed.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import psutil
from rich.console import Console
from rich.table import Table

from benchmarks.bars import Bar, exit_code
from tests.fixtures.detector import tiny_options, write_tiny_dataset
from utils.detection.devices import usable_cores
from utils.detection.options import InferenceOptions
from utils.detection.predictor import load_predictor
from utils.detection.ultralytics.train import train_detector

SLEEPING, SPINNING = "sleeping", "spinning"
# libgomp, the OpenMP of torch, spins 300,000 times before it sleeps where nobody says otherwise.
SIDES = {SLEEPING: {}, SPINNING: {"GOMP_SPINCOUNT": "300000"}}
TRAINING, PYTORCH, ONNX, OPENVINO = "training", "pytorch", "onnx", "openvino"
CASES = [
    *((work, side) for work in (TRAINING, PYTORCH) for side in SIDES),
    *((work, SLEEPING) for work in (ONNX, OPENVINO)),  # which bring threads of their own
]
UNIT_DONE = "unit done\n"
PROGRAMS_A_CORE = 3
SECONDS_ALONE, SECONDS_BESIDE, MOST_SECONDS = 5.0, 15.0, 60.0
IMAGE_SIZE, TILES, EPOCHS = 160, 16, 10_000
BAR = 1.5


@dataclass(frozen=True, slots=True)
class Measured:
    """One work, of which a unit is an epoch or a window.

    Attributes:
        seconds: Wall time of a unit alone.
        processor: Processor time of a unit alone, in seconds.
        seconds_beside: Wall time of a unit beside the restless programs; where not one was done in
            `MOST_SECONDS`, about that time.
        share: Mean part of a core that each of the restless programs got.
    """

    seconds: float
    processor: float
    seconds_beside: float
    share: float


def measure(work: str, side: str, programs: int) -> Measured:
    """Do some work in a process of its own, alone and then beside restless programs."""
    with TemporaryDirectory() as state, ExitStack() as stack:
        process = stack.enter_context(working(work, side, state))
        done = units(process)
        next(done)  # everything is loaded
        count, seconds, processor = rate(done, [process], SECONDS_ALONE)
        others = [stack.enter_context(restless()) for _ in range(programs)]
        watchdog = threading.Timer(MOST_SECONDS, process.kill)
        watchdog.start()
        beside, seconds_beside, used = rate(done, others, SECONDS_BESIDE)
        watchdog.cancel()
    share = used / seconds_beside / programs
    return Measured(seconds / count, processor / count, seconds_beside / max(beside, 1), share)


@contextmanager
def working(work: str, side: str, state: str) -> Iterator[subprocess.Popen[str]]:
    """A process that does some work until the end of a block, with local state of its own."""
    command = [sys.executable, "-m", "benchmarks.contention", "--here", work, state]
    environment = os.environ | {"SPYGLASS_LOCAL": f"{state}/local"} | SIDES[side]
    quiet = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(command, env=environment, text=True, **quiet) as process:
        try:
            yield process
        finally:
            for each in (*psutil.Process(process.pid).children(recursive=True), process):
                each.kill()


@contextmanager
def restless() -> Iterator[subprocess.Popen[str]]:
    """A program of one thread that computes until the end of a block."""
    with subprocess.Popen([sys.executable, "-c", "while True: 1"], text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def units(process: subprocess.Popen[str]) -> Iterator[None]:
    """Yield at each unit of work that a process says it has done."""
    assert process.stdout is not None
    for line in process.stdout:
        if line == UNIT_DONE:
            yield


def rate(
    done: Iterator[None], processes: Sequence[subprocess.Popen[str]], least: float
) -> tuple[int, float, float]:
    """Count units of work for some seconds, or until the work ends.

    Returns:
        The units, the wall time, and the processor time of some processes meanwhile, in seconds.
    """
    begun, used, count = time.monotonic(), processor_time(processes), 0
    while time.monotonic() - begun < least:
        if next(done, "ended") == "ended":
            break
        count += 1
    return count, time.monotonic() - begun, processor_time(processes) - used


def processor_time(processes: Sequence[subprocess.Popen[str]]) -> float:
    """The processor time of some processes and of their living children, in seconds."""
    parents = [psutil.Process(process.pid) for process in processes]
    all_of_them = [one for each in parents for one in (each, *each.children(recursive=True))]
    times = [each.cpu_times() for each in all_of_them]
    return sum(each.user + each.system for each in times)


def train(folder: Path) -> None:
    """Train until the process is ended."""
    dataset = write_tiny_dataset(folder, TILES)
    options = tiny_options(epochs=EPOCHS, imgsz=IMAGE_SIZE, batch=8, patience=0)
    train_detector(dataset, options, on_epoch=lambda _: say_done())


def predict(backend: str, folder: Path) -> None:
    """Predict windows until the process is ended."""
    detector = train_detector(write_tiny_dataset(folder, 4), tiny_options(epochs=1))
    windows = [np.full((640, 640, 3), grey, dtype=np.uint8) for grey in range(usable_cores())]
    options = InferenceOptions(imgsz=640, device="cpu", backend=backend)
    predictor = load_predictor(detector, options, windows)
    while predictor.predict(windows) is not None:
        say_done()


def say_done() -> None:
    """Tell the measuring process that a unit of work is done."""
    sys.stdout.write(UNIT_DONE)
    sys.stdout.flush()


def show(results: dict[tuple[str, str], Measured], programs: int) -> int:
    """Print a line for each work, and the bars; 1 when one is missed."""
    columns = ("seconds alone", "beside others", "explained by its share", "ratio")
    table = Table("work", "threads", *columns, title=f"beside {programs} restless programs")
    ratios = {}
    for (work, side), measured in results.items():
        explained = results[work, SLEEPING].processor / measured.share
        ratios[work, side] = measured.seconds_beside / explained
        values = (measured.seconds, measured.seconds_beside, explained, ratios[work, side])
        table.add_row(work, side, *(f"{value:.2f}" for value in values))
    Console(width=110).print(table)
    bars = [
        Bar(f"{work}: times the time that its share explains", ratio, BAR)
        for (work, side), ratio in ratios.items()
        if side == SLEEPING
    ]
    return exit_code("contention", bars)


def main(arguments: Sequence[str]) -> int:
    """Measure, print the table; 1 when a bar is missed."""
    if arguments[:1] == ["--here"]:
        _, work, folder = arguments
        train(Path(folder)) if work == TRAINING else predict(work, Path(folder))
        return 0
    programs = int(arguments[0]) if arguments else PROGRAMS_A_CORE * usable_cores()
    results = {}
    for work, side in CASES:
        results[work, side] = measure(work, side, programs)
        print(f"{work}, {side}: {results[work, side]}", flush=True)
    return show(results, programs)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
