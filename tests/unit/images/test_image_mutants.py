"""Whatever bytes of an image are changed, it is read or set aside."""

from __future__ import annotations

import random
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from PIL import Image

from tests.conftest import PROJECT_ROOT
from tests.unit.images.rasters import TILED, texture, write_tiff
from utils.errors import ImageError
from utils.images.georeference import read_place
from utils.images.missing import missing_mask
from utils.images.options import PixelOptions
from utils.images.reader import read_strips

MUTANTS = 12
SMALL = PixelOptions(max_pixels=1_000_000)
SEEDS = {
    "tiles.tif": {"compress": "deflate", "crs": "EPSG:32632", **TILED},
    "strips.tif": {"compress": "lzw", "nodata": 0},
    "a.jp2": {"driver": "JP2OpenJPEG"},
    **dict.fromkeys(("a.jpg", "a.png", "a.gif", "a.webp", "a.bmp", "a.avif", "a.ppm"), None),
}


def mutant(content: bytes, chance: random.Random) -> bytes:
    """The bytes with some of them changed or left out, mostly in the header."""
    changed = bytearray(content)
    for _ in range(chance.choice([1, 3, 9])):
        place = chance.randrange(min(len(changed) - 60, chance.choice([64, 400, len(changed)])))
        kind = chance.randrange(4)
        if kind < 2:
            changed[place] = chance.randrange(256)
        elif kind == 2:
            changed[place : place + 4] = chance.choice([b"\xff" * 4, bytes(4), b"\x7f\xff\xff\xff"])
        else:
            del changed[place : place + chance.randrange(1, 50)]
    return bytes(changed)


def read_mutants(folder: Path, name: str) -> None:
    """Read mutants of an image of one format; nothing but an `ImageError` may come of it."""
    path = folder / name
    if SEEDS[name] is None:
        Image.fromarray(texture().transpose(1, 2, 0)).save(path)
    else:
        write_tiff(path, **SEEDS[name])
    whole, chance = path.read_bytes(), random.Random(name)  # noqa: S311
    for _ in range(MUTANTS):
        path.write_bytes(mutant(whole, chance))
        read_place(path, SMALL)
        with suppress(ImageError):
            missing_mask(path, None, SMALL, (9, 9))
            for _ in read_strips(path, tile_size=64, overlap=0, pixels=SMALL):
                pass


def test_nothing_but_an_image_error_comes_of_changed_bytes(tmp_path: Path):
    # In a process of its own: a decoder that crashes ends that one, and says at which format.
    command = [sys.executable, "-X", "faulthandler", "-m", __name__, str(tmp_path)]
    done = subprocess.run(command, cwd=PROJECT_ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{done.stdout}{done.stderr[-2000:]}"
    assert done.stdout.split() == list(SEEDS)


if __name__ == "__main__":
    for each in SEEDS:
        print(each, flush=True)
        read_mutants(Path(sys.argv[1]), each)
