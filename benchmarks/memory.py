"""The peak memory of looking through 400 MP.

It is that of a process of its own, `python -m benchmarks.memory SCENE FOLDER`, which repeats the
scene to 400 MP and looks through it; what it takes with the network loaded is not counted.
"""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.mosaic import OPTIONS, TILE_SIZE, look, make_detector, shared_data
from utils.detection.predictor import load_predictor

GIANT_SIDE = 20_000
SAMPLES = 16


def peak_megabytes(scene: Path, folder: Path) -> float:
    """Peak resident memory for 400 MP beyond that with the network loaded, in megabytes."""
    command = [sys.executable, "-m", "benchmarks.memory", str(scene), str(folder)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return float(done.stdout.split()[-1])


def look_at_giant(scene: Path, folder: Path) -> float:
    """Repeat the scene to 400 MP and look through it, in this process."""
    import pyvips

    giant = folder / "giant.png"
    mosaic = pyvips.Image.new_from_file(str(scene))
    times = GIANT_SIDE // mosaic.width + 1
    whole = mosaic.replicate(times, times).crop(0, 0, GIANT_SIDE, GIANT_SIDE)
    whole.pngsave(str(giant), compression=1, filter="up")
    samples = [np.asarray(Image.open(scene).crop((0, 0, TILE_SIZE, TILE_SIZE)))] * SAMPLES
    predictor = load_predictor(make_detector(shared_data()), OPTIONS, samples)
    predictor.predict(samples)
    before = _peak()
    look(giant, predictor, folder)
    return _peak() - before


def _peak() -> float:
    """Peak resident memory of this process, in megabytes.

    On Linux from /proc: what getrusage says includes the memory of the process that started it.
    """
    status = Path("/proc/self/status")
    if not status.is_file():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024 / 1e6


if __name__ == "__main__":
    print(look_at_giant(*map(Path, sys.argv[1:])))
