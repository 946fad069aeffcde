"""A small ingest to be run as a process of its own, so that it can be killed.

Usage: `python -m tests.ingest_scenes IMAGES STORE MANIFEST [kill N | interrupt N |
limit BYTES]`, where N counts the files that appear, and BYTES is the largest file the process may
write.
"""

from __future__ import annotations

import os
import resource
import signal
import sys
from collections.abc import Iterator
from itertools import count
from pathlib import Path

from tests.builders import boxes, write_image
from utils.errors import SpyglassError
from utils.issues import IssueReport
from utils.scenes.scene import Scene, SceneSource
from utils.scenes.selection import Selection
from utils.scenes.shards import plan_shards
from utils.shapes.shapes import Shapes
from utils.storage.store import open_store
from utils.tiling.ingest import IngestResult, ingest_scenes, merge_ingests
from utils.tiling.options import TilingOptions

OPTIONS = TilingOptions(tile_size=100, overlap=20)
NAMES = ["b.png", "a.png", "north/a.png", "c (1).png"]


def write_scenes(folder: Path) -> Path:
    """Four scenes, of 250 × 170 pixels and more."""
    for seed, name in enumerate(NAMES):
        write_image(folder / name, 250 + 10 * seed, 170, seed=seed)
    return folder


def folder_source(folder: Path, truth: Shapes | None = None) -> SceneSource:
    """The scenes of `write_scenes`, each with the same boxes."""
    truth = truth if truth is not None else boxes((10, 10, 40, 40), (90, 90, 110, 110))

    def read(issues: IssueReport, selection: Selection) -> Iterator[Scene]:
        for name in selection.of(NAMES):
            yield Scene(f"harbour/{name}", folder / name, truth, tags=("test",))

    return SceneSource("harbour", (), len(NAMES), read)


def ingest(images: Path, store: str, manifest: Path, shards: int = 1) -> IngestResult:
    """Ingest the scenes of `write_scenes` into a store, in a number of shares."""
    return ingest_source(folder_source(images), store, manifest, shards)


def ingest_source(
    source: SceneSource,
    store: str,
    manifest: Path,
    shards: int = 1,
    max_bad_share: float = 0.1,
) -> IngestResult:
    """Ingest the scenes of a source, share by share, and join the results."""
    results = [
        ingest_scenes(
            source,
            open_store(store),
            OPTIONS,
            manifest_path=manifest.with_suffix(f".{selection.shard}"),
            selection=selection,
        )
        for selection in plan_shards(source, shards)
    ]
    return merge_ingests(results, manifest, max_bad_share=max_bad_share)


def signal_at(file_number: int, number: signal.Signals) -> None:
    """Let the process receive a signal when it is about to give its n-th file its name."""
    rename, files = os.replace, count(1)

    def signal_and_rename(*paths: Path) -> None:
        if next(files) == file_number:
            os.kill(os.getpid(), number)
        rename(*paths)

    os.replace = signal_and_rename


def main(images: str, store: str, manifest: str, *trouble: str) -> int:
    """Run the ingest; its exit code is that of `run.py`."""
    if trouble[:1] == ("kill",):
        signal_at(int(trouble[1]), signal.SIGKILL)
    if trouble[:1] == ("interrupt",):
        signal_at(int(trouble[1]), signal.SIGINT)
    if trouble[:1] == ("limit",):
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(trouble[1]), int(trouble[1])))
    try:
        ingest(Path(images), store, Path(manifest))
    except SpyglassError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
