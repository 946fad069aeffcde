"""The service against the bare network and against a plain app, giant scenes, kills and switches.

Run it with `python -m benchmarks.serving [--full]`; `--full` sends 10,000 requests instead of
2,000. Everything runs in the service's own environment, on networks that are made here: an
untrained YOLOv8n, and one that finds bright spots, of which it is known what must be found. Ways
that are compared run in turn, and the best round of each counts. The overhead at one client is that
in processor time, which other work on the machine hardly changes, over decoding and predicting the
same image in one process. It ends with exit code 1 when a bar is missed.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import asdict
from http.client import HTTPConnection
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.bars import Bar, exit_code
from benchmarks.serving_scenes import giant_scenes
from tests.fixtures.services import Service, served, wait_for
from tests.fixtures.spots import SETTINGS, boxes_of, scattered_cells, spots, write_bundle
from utils.detection.detector import Detector
from utils.detection.devices import usable_cores
from utils.ports import free_port
from utils.serving.bundle import Bundle, BundleSettings
from utils.serving.environment import service_python
from utils.serving.network_file import write_network
from utils.serving.packed_code import copy_code
from utils.serving.packing import write_test
from utils.shapes.shapes import ShapeKind

RIVALS = Path(__file__).with_name("serving_rivals.py")
SIDE = 640
CLIENTS = 8
ROUNDS = 4
IMAGES = 24  # a round
OVERHEAD_BAR = 0.10
THROUGHPUT_BAR = 1.0
MEGABYTES_BAR = 450.0


def main(arguments: Sequence[str]) -> int:
    """Measure everything, and print each bar; returns the exit code."""
    requests = 10_000 if "--full" in arguments else 2_000
    with TemporaryDirectory() as name:
        folder = Path(name)
        bars = [
            *against_plain(yolo_bundle(folder / "yolo"), folder),
            *under_load(folder, requests),
            *giant_scenes(folder),
        ]
    return exit_code("serving", bars)


def yolo_bundle(folder: Path) -> Bundle:
    """A bundle of an untrained YOLOv8n of 80 classes."""
    import torch
    from ultralytics import YOLO

    source = folder / "src"
    (source / "test").mkdir(parents=True)
    torch.manual_seed(0)
    model = YOLO("yolov8n.yaml", verbose=False)
    model.save(folder / "best.pt")
    detector = Detector(
        best=folder / "best.pt",
        last=folder / "best.pt",
        class_names=tuple(model.names.values()),
        task=ShapeKind.DETECT.value,
        image_size=SIDE,
        checkpoint="yolov8n.yaml",
        arguments={},
        metrics={},
        epochs=0,
        data_fingerprint="",
        run_fingerprint="",
    )
    head = write_network(detector, SIDE, source / "network.onnx")
    settings = asdict(SETTINGS) | {"tile_size": SIDE, "overlap": 128, "confidence": 0.25}
    bundle = Bundle(
        folder=source,
        digest="",
        model="yolov8n",
        version="1",
        kind=ShapeKind.DETECT,
        class_names=detector.class_names,
        image_size=SIDE,
        head=head,
        settings=BundleSettings(**settings),
    )
    write_test(bundle, photo())
    copy_code(source)
    return bundle.write()


def photo() -> np.ndarray:
    """A picture of 640 by 640 pixels with large and small forms, as hard to decode as a photo."""
    chance = np.random.default_rng(0)
    parts = [
        np.asarray(
            Image.fromarray(chance.integers(0, 256, (side, side, 3), dtype=np.uint8)).resize(
                (SIDE, SIDE)
            ),
            dtype=np.float32,
        )
        for side in (5, 20, 80, 320)
    ]
    return np.mean(parts, axis=0).astype(np.uint8)


# --- against the bare network and a plain app ----------------------------------------------------


def against_plain(bundle: Bundle, folder: Path) -> list[Bar]:
    """Ask the service, the bare network and a plain app in turn."""
    image = folder / "photo.jpg"
    Image.fromarray(photo()).save(image, quality=90)
    threads = usable_cores()
    names = ("bare", "network", "bare CPU", "service", "service CPU", "plain 8", "service 8")
    fastest = dict.fromkeys(names, float("inf"))
    with (
        bare(bundle, threads) as ask_bare,
        plain(bundle, threads) as plain_port,
        served(bundle.folder, folder / "state") as service,
    ):
        content = image.read_bytes()
        ask_all(service.port, content, 4, CLIENTS)
        for _ in range(ROUNDS):
            whole, network, computed = ask_bare(image, IMAGES)
            before = processor_seconds(service)
            took = {
                "bare": whole,
                "network": network,
                "bare CPU": computed,
                "service": ask_all(service.port, content, IMAGES, 1),
                "service CPU": (processor_seconds(service) - before) / IMAGES,
                "plain 8": ask_all(plain_port, content, 2 * IMAGES, CLIENTS),
                "service 8": ask_all(service.port, content, 2 * IMAGES, CLIENTS),
            }
            fastest = {name: min(fastest[name], took[name]) for name in fastest}
        used = megabytes([service.process.pid, *service.children])
    told = ", ".join(f"{name} {1000 * seconds:.1f}" for name, seconds in fastest.items())
    print(f"milliseconds per image: {told}")
    return [
        Bar("overhead, one client", fastest["service CPU"] / fastest["bare CPU"] - 1, OVERHEAD_BAR),
        Bar(
            "times the throughput of a plain app, 8 clients",
            fastest["plain 8"] / fastest["service 8"],
            THROUGHPUT_BAR,
            at_least=True,
        ),
        Bar("MB with one worker", used, MEGABYTES_BAR),
    ]


@contextmanager
def bare(bundle: Bundle, threads: int) -> Iterator[Any]:
    """Yield a function that predicts an image some times in a process of its own."""
    command = [service_python(), RIVALS, "bare", bundle.folder, str(threads)]
    with subprocess.Popen(
        [str(word) for word in command],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": "", "PYTHONDONTWRITEBYTECODE": "1"},
    ) as process:

        def ask(image: Path, count: int) -> tuple[float, ...]:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(f"{image} {count}\n")
            process.stdin.flush()
            return tuple(map(float, process.stdout.readline().split()))

        yield ask
        process.kill()


@contextmanager
def plain(bundle: Bundle, threads: int) -> Iterator[int]:
    """Yield the port of a plain Starlette app on the same network."""
    port = free_port()
    command = [service_python(), RIVALS, "plain", bundle.folder, str(threads), str(port)]
    environment = os.environ | {"PYTHONPATH": "", "PYTHONDONTWRITEBYTECODE": "1"}
    with subprocess.Popen([str(word) for word in command], env=environment) as process:
        wait_for(lambda: _answers(port))
        yield port
        process.kill()


def _answers(port: int) -> bool:
    try:
        connection = HTTPConnection("127.0.0.1", port, timeout=5)
        connection.request("GET", "/")
        connection.getresponse().read()
    except OSError:
        return False
    return True


def ask_all(port: int, content: bytes, count: int, clients: int) -> float:
    """Send an image some times, by some clients at once; returns seconds per image."""

    def client(share: int) -> None:
        connection = HTTPConnection("127.0.0.1", port, timeout=300)
        for _ in range(share):
            connection.request("POST", "/predict", content, {"Content-Type": "image/jpeg"})
            answer = connection.getresponse()
            assert answer.status == 200, answer.read()
            answer.read()
        connection.close()

    started = time.perf_counter()
    with ThreadPoolExecutor(clients) as pool:
        list(pool.map(client, [max(count // clients, 1)] * clients))
    return (time.perf_counter() - started) / (max(count // clients, 1) * clients)


def processor_seconds(service: Service) -> float:
    """Processor time, of user and system, of all processes of a service so far."""
    ticks = 0
    for process in (service.process.pid, *service.children):
        told = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
        ticks += int(told[11]) + int(told[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def megabytes(processes: Sequence[int]) -> float:
    """Proportional memory (PSS) of some processes."""
    total = 0
    for process in processes:
        with suppress(FileNotFoundError, ProcessLookupError):
            lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
            total += next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return total * 1024 / 1e6


# --- a switch and a kill under load --------------------------------------------------------------


def under_load(folder: Path, requests: int) -> list[Bar]:
    """Ask 8 clients at once; deploy another version and kill a worker meanwhile."""
    bundles = {one: write_bundle(folder / f"spots{one}", one).folder for one in "12"}
    images = []
    for seed in range(4):
        cells = scattered_cells(304, 208, 20, seed)
        file = folder / f"load{seed}.png"
        Image.fromarray(spots(304, 208, cells)).save(file)
        images.append((file.read_bytes(), {one: boxes_of(cells, one) for one in "12"}))
    counts: Counter[str] = Counter()
    with served(bundles["1"], folder / "load", "--workers", "2") as service:
        disturbing = threading.Thread(
            target=_disturb, args=(service, bundles["2"], counts, requests)
        )
        disturbing.start()
        started = time.perf_counter()
        with ThreadPoolExecutor(CLIENTS) as pool:
            shares = [range(first, requests, CLIENTS) for first in range(CLIENTS)]
            list(pool.map(lambda share: _ask_checked(service, images, share, counts), shares))
        seconds = time.perf_counter() - started
        disturbing.join()
    told = ", ".join(f"{name} {count}" for name, count in sorted(counts.items()))
    print(f"{requests} requests in {seconds:.0f} s ({told})")
    return [
        Bar("answers without a status", requests - counts["answered"], 0),
        Bar("wrong or mixed answers", counts["wrong"], 0),
        Bar("refused answers", counts["refused"], 0),
        Bar("switches and kills", counts["switched"] + counts["killed"], 2, at_least=True),
        Bar("answers by both versions", min(counts["by 1"], counts["by 2"]), 1, at_least=True),
    ]


def _disturb(service: Service, bundle: Path, counts: Counter[str], requests: int) -> None:
    wait_for(lambda: counts["answered"] > requests // 4)
    workers = service.children_running("service.worker")
    os.kill(random.Random(0).choice(workers), signal.SIGKILL)  # noqa: S311
    counts["killed"] += 1
    wait_for(lambda: counts["answered"] > requests // 2)
    counts["switched"] += service.deploy(bundle).status == 200


def _ask_checked(
    service: Service, images: list[Any], numbers: Sequence[int], counts: Counter[str]
) -> None:
    connection = HTTPConnection("127.0.0.1", service.port, timeout=300)
    for number in numbers:
        content, expected = images[number % len(images)]
        connection.request("POST", "/predict", content, {"Content-Type": "image/png"})
        answer = connection.getresponse()
        told = json.loads(answer.read())
        counts["answered"] += 1
        if answer.status != 200:
            counts["refused"] += 1
            continue
        version = told["version"]
        found = sorted((one["class"], one["box"]) for one in told["objects"])
        is_right = answer.getheader("X-Model-Version") == version and found == expected[version]
        counts["wrong"] += not is_right
        counts[f"by {version}"] += 1
    connection.close()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
