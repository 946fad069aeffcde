"""Label files changed at random: the readers must give a report or one sentence.

Run it with `python -m benchmarks.fuzzing [MUTANTS] [SEED]`. The corpus is what the unit tests fuzz,
and, where the real data of the tests is there, label files that people and tools have written. It
ends with exit code 1 when any exception comes through, and leaves the file that caused it.
"""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.mutants import Specimen, fates
from tests.unit.scenes.test_scene_fuzzing import FILES, specimen
from utils.paths import PROJECT_ROOT, local_folder

MUTANTS = 10_000
REAL_FILES = {
    "ships/annotations/boat168.xml": ("voc", "ships/images/boat168.png"),
    "cvat_video_tracks/datumaro/for_images/export_task/train.xml": (
        "voc",
        "cvat_video_tracks/datumaro/for_images/export_task/images/img0.jpg",
    ),
    "sentinel2/busan/busan_coco.json": (
        "coco",
        "sentinel2/busan/2022-05-14_SH_Busan_True_color.png",
    ),
    "weedai/test_weedcoco/weedcoco.json": ("coco", "weedai/test_weedcoco/images/001_image.png"),
    "seg_nuclei/valid/labels/human_tongue_08.txt": (
        "yolo",
        "seg_nuclei/valid/images/human_tongue_08.png",
    ),
    "obb_dota/labelTxt/P1888.txt": ("yolo", "obb_dota/images/P1888.png"),
    "labelstudio_mixed_export.json": ("coco", "sahi/boats.jpg"),
}


def real_specimens(folder: Path) -> Iterator[tuple[str, Specimen]]:
    """Yield the label files of the tests' real data that are there, each with its image."""
    default = PROJECT_ROOT.parent / "shared" / "data"
    data = Path(os.environ.get("SPYGLASS_SHARED_DATA", default))
    for name, (kind, image) in REAL_FILES.items():
        if not (data / name).is_file() or not (data / image).is_file():
            print(f"{name} or its image is not there: left out")
            continue
        place = folder / Path(name).stem
        place.mkdir()
        shutil.copyfile(data / image, place / Path(image).name)
        options = (("classes", ("ship",)),) if kind == "yolo" else ()
        content = (data / name).read_bytes()
        file = place / Path(name).name
        file.write_bytes(content)
        yield name, Specimen(kind, place, file, content, options)


def main(mutants: int = MUTANTS, seed: int = 0) -> int:
    """Fuzz every file of the corpus and print what became of its mutants."""
    wrong = 0
    with TemporaryDirectory() as temporary:
        folder = Path(temporary)
        specimens = []
        for number, name in enumerate(FILES):
            (folder / str(number)).mkdir()
            specimens.append((name, specimen(folder / str(number), name)))
        specimens += real_specimens(folder)
        for name, found in specimens:
            wrong += fuzz(name, found, -(-mutants // len(specimens)), seed)
    print(f"{wrong} exceptions came through; none may")
    return int(wrong > 0)


def fuzz(name: str, found: Specimen, count: int, seed: int) -> int:
    """Fuzz one file, print what became of its mutants, and return how many came through."""
    start = time.monotonic()
    counts: Counter[str] = Counter()
    for mutant, fate in fates(found, count, seed):
        if fate not in ("read", "refused") and fate not in counts:
            kept = local_folder("fuzzing") / f"{counts.total()}-{found.file.name}"
            kept.write_bytes(mutant)
            print(f"  {fate} ({kept})")
        counts[fate] += 1
    strange = counts.total() - counts["read"] - counts["refused"]
    print(
        f"{name}: {counts['read']} read, {counts['refused']} refused, {strange} exceptions, "
        f"{(time.monotonic() - start) / count * 1000:.1f} ms each"
    )
    return strange


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
