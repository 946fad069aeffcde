"""Tiling a huge PNG, compared with other ways of doing the same work, in one run.

Run it with `python -m benchmarks.tiling`. Each way runs in a process of its own, so that its peak
memory is its own, and several times in turn, the fastest counting: what else the machine does slows
all of them down, but hardly ever all rounds of one. Seconds are those of the work itself, without
starting Python. It ends with exit code 1 when a bar is missed.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.bars import Bar, exit_code
from utils.paths import local_folder

ROUNDS = 5
TILE_SIZE = 1000
COMPRESSION = 1
SIDE = 10_000
TILES = (SIDE // TILE_SIZE) ** 2
NAIVE_TILES = 2
MEGABYTE = 1_000_000


@dataclass(frozen=True, slots=True)
class Measure:
    """The cost of one run: wall time in seconds and peak resident memory in bytes."""

    seconds: float
    peak_bytes: int


def make_images(folder: Path) -> None:
    """Write a 100 MP scene and a 400 MP one: water-like texture of several scales with noise."""
    import pyvips

    def texture(cell: int) -> pyvips.Image:
        return pyvips.Image.perlin(SIDE, SIDE, cell_size=cell, seed=cell)

    relief = texture(1024) * 60 + texture(256) * 30 + texture(64) * 15
    bands = [
        (
            relief * gain
            + offset
            + pyvips.Image.gaussnoise(SIDE, SIDE, sigma=2, mean=0, seed=offset)
        ).cast("uchar")
        for gain, offset in ((1.0, 90), (0.9, 100), (0.8, 110))
    ]
    scene = bands[0].bandjoin(bands[1:]).copy(interpretation="srgb")
    scene.pngsave(str(folder / "100.png"), compression=6, filter="up")
    scene = pyvips.Image.new_from_file(str(folder / "100.png"))
    scene.replicate(2, 2).pngsave(str(folder / "400.png"), compression=1, filter="up")


def tile_image(image: Path, out: Path) -> None:
    """Spyglass."""
    from utils.tiling import tile_image

    tile_image(image, out, tile_size=TILE_SIZE, overlap=0, png_compression=COMPRESSION)


def dzsave(image: Path, out: Path) -> None:
    """The same tiles by libvips' own pyramid writer, with one level only."""
    import pyvips

    scene = pyvips.Image.new_from_file(str(image), access="sequential")
    suffix = f".png[compression={COMPRESSION},filter=up]"
    scene.dzsave(str(out / "x"), tile_size=TILE_SIZE, overlap=0, depth="one", suffix=suffix)


def whole_image_for_each_tile(image: Path, out: Path) -> None:
    """The first `NAIVE_TILES` tiles, each cut from the whole image converted to numpy for it.

    Sequential access is libvips' fastest, and keeps it from answering the second time from memory.
    """
    import pyvips

    for index in range(NAIVE_TILES):
        pixels = pyvips.Image.new_from_file(str(image), access="sequential").numpy()
        tile = pixels[:TILE_SIZE, index * TILE_SIZE : (index + 1) * TILE_SIZE]
        pyvips.Image.new_from_array(tile).pngsave(
            str(out / f"{index}.png"), compression=COMPRESSION, filter="up"
        )


WAYS = {way.__name__: way for way in (tile_image, dzsave, whole_image_for_each_tile)}

# Spyglass tells libvips to use one thread for each operation, which must not slow down the others.
LIBRARIES = {
    "tile_image": ("utils.tiling.encoding", "utils.images.pixels"),
    "dzsave": ("pyvips",),
    "whole_image_for_each_tile": ("pyvips",),
}


def measure(way: str, image: Path) -> Measure:
    """Run one way in a process of its own."""
    with TemporaryDirectory(dir=image.parent) as out:
        command = [sys.executable, "-m", "benchmarks.tiling", way, str(image), out]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        seconds = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise SystemExit(f"{way} failed on {image}")
    unit = 1 if sys.platform == "darwin" else 1024
    print(f"  {way:28} {image.name:8} {float(seconds):6.2f} s", flush=True)
    return Measure(float(seconds), usage.ru_maxrss * unit)


def best(way: str, measures: dict[str, list[Measure]]) -> Measure:
    """The shortest time and the largest memory of all rounds."""
    return Measure(
        min(measured.seconds for measured in measures[way]),
        max(measured.peak_bytes for measured in measures[way]),
    )


def bars(folder: Path) -> list[Bar]:
    """Measure everything."""
    measures: dict[str, list[Measure]] = {way: [] for way in WAYS}
    for _ in range(ROUNDS):
        for way in WAYS:
            measures[way].append(measure(way, folder / "100.png"))
    ours, theirs, naive = (best(way, measures) for way in WAYS)
    large = measure("tile_image", folder / "400.png")
    naive_seconds = naive.seconds / NAIVE_TILES * TILES
    return [
        Bar("time, in times that of dzsave", ours.seconds / theirs.seconds, 1.2),
        Bar(
            "times faster than the whole image for each tile",
            naive_seconds / ours.seconds,
            50,
            at_least=True,
        ),
        Bar("peak memory for 100 MP, in MB", ours.peak_bytes / MEGABYTE, 300),
        Bar("peak memory for 400 MP, 20,000 px wide, in MB", large.peak_bytes / MEGABYTE, 450),
    ]


def main() -> int:
    """Make the images, measure, print the table; 1 when a bar is missed."""
    with TemporaryDirectory(dir=local_folder("cache", "benchmarks")) as name:
        print("Making the images", flush=True)
        subprocess.run([sys.executable, "-m", "benchmarks.tiling", "images", name], check=True)
        results = bars(Path(name))
    return exit_code("tiling", results)


def run_alone(way: str, *arguments: str) -> None:
    """Run one way in a child process, timed once the libraries are loaded."""
    if way == "images":
        make_images(Path(arguments[0]))
        return
    for library in LIBRARIES[way]:
        import_module(library)
    image, out = map(Path, arguments)
    started = time.perf_counter()
    WAYS[way](image, out)
    print(time.perf_counter() - started)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        run_alone(*sys.argv[1:])
    else:
        sys.exit(main())
