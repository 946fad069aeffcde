"""Fetching from a bucket: Spyglass's threads against Google's transfer manager: `make bench`.

The bucket is the emulator, in a process of its own, so that only the client's side differs: once as
near as it is, once as far as a bucket of the same region, where each request has to wait and each
connection has a speed of its own. Every way checks the hash of what it fetches, and every result
is compared with what was stored.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from tempfile import TemporaryDirectory

from google.cloud import storage
from google.cloud.storage import transfer_manager
from rich.console import Console
from rich.table import Table

from tests.emulators.gcs import GoogleStorage
from tests.emulators.gcs_messages import Answer, Request
from utils.files import sha256_of
from utils.storage.objects import ObjectStore
from utils.storage.store import open_store
from utils.storage.transfers import PARALLEL_TRANSFERS, in_parallel

BUCKET = "spyglass-benchmark"
TILES = 400
TILE_BYTES = 300_000
WEIGHTS_BYTES = 256 << 20
ROUNDS = 3
LATENCY_SECONDS = 0.02
CONNECTION_BYTES_PER_SECOND = 100e6


class _FarStorage(GoogleStorage):
    """A bucket at some distance: what is assumed of a region's network, not measured."""

    def answer(self, request: Request) -> Answer:
        """Answer after a while."""
        answer = super().answer(request)
        time.sleep(LATENCY_SECONDS + len(answer.body) / CONNECTION_BYTES_PER_SECOND)
        return answer


def _serve(pipe: Connection, storage_class: type[GoogleStorage]) -> None:
    server = storage_class()
    server.buckets.create(BUCKET)
    pipe.send(server.url)
    pipe.recv()
    server.stop()


@contextmanager
def _bucket(storage_class: type[GoogleStorage]) -> Iterator[ObjectStore]:
    ours, theirs = get_context("spawn").Pipe()
    process = get_context("spawn").Process(target=_serve, args=(theirs, storage_class))
    process.start()
    os.environ["STORAGE_EMULATOR_HOST"] = ours.recv()
    try:
        yield open_store(f"gs://{BUCKET}")
    finally:
        ours.send(None)
        process.join()


def _ours(store: ObjectStore, folder: Path) -> None:
    for _ in in_parallel(lambda item: store.get(item, folder / item.key), store.list("tiles/")):
        pass


def _download_many(worker: str) -> Callable[[ObjectStore, Path], None]:
    def fetch(store: ObjectStore, folder: Path) -> None:
        bucket = storage.Client(project="local").bucket(BUCKET)
        names = [item.key for item in store.list("tiles/")]
        transfer_manager.download_many_to_path(
            bucket,
            names,
            destination_directory=str(folder),
            worker_type=worker,
            max_workers=PARALLEL_TRANSFERS,
            raise_exception=True,
        )

    return fetch


def _one_piece(store: ObjectStore, folder: Path) -> None:
    store.get("weights.pt", folder / "weights.pt")


def _parts(store: ObjectStore, folder: Path) -> None:
    (item,) = store.list("weights.pt")
    store.get(item, folder / "weights.pt")


def _process_parts(store: ObjectStore, folder: Path) -> None:
    del store
    blob = storage.Client(project="local").bucket(BUCKET).blob("weights.pt")
    transfer_manager.download_chunks_concurrently(
        blob, str(folder / "weights.pt"), worker_type=transfer_manager.PROCESS
    )


WAYS: dict[str, dict[str, Callable[[ObjectStore, Path], None]]] = {
    f"{TILES} tiles of {TILE_BYTES // 1000} kB": {
        "Spyglass, threads": _ours,
        "transfer manager, threads": _download_many(transfer_manager.THREAD),
        "transfer manager, processes": _download_many(transfer_manager.PROCESS),
    },
    f"one file of {WEIGHTS_BYTES >> 20} MB": {
        "Spyglass, parts in threads": _parts,
        "one piece": _one_piece,
        "transfer manager, parts in processes": _process_parts,
    },
}


def _fill(store: ObjectStore) -> dict[str, str]:
    """Store what is fetched; returns the SHA-256 of each key."""
    hashes = {}
    with TemporaryDirectory() as folder:
        for key, size in [(f"tiles/{n:04}.png", TILE_BYTES) for n in range(TILES)] + [
            ("weights.pt", WEIGHTS_BYTES)
        ]:
            path = Path(folder) / "file"
            path.write_bytes(os.urandom(size))
            store.put(path, key)
            hashes[key] = sha256_of(path)
    return hashes


def _seconds(
    fetch: Callable[[ObjectStore, Path], None], store: ObjectStore, hashes: dict[str, str]
) -> float:
    with TemporaryDirectory() as folder:
        (Path(folder) / "tiles").mkdir()
        start = time.perf_counter()
        fetch(store, Path(folder))
        seconds = time.perf_counter() - start
        for path in Path(folder).rglob("*.p*"):
            assert sha256_of(path) == hashes[path.relative_to(folder).as_posix()]
    return seconds


def _measure(distance: str, store: ObjectStore) -> None:
    """Measure every way, in turns, and print a table for each subject."""
    hashes = _fill(store)
    for subject, ways in WAYS.items():
        rounds = [
            {name: _seconds(way, store, hashes) for name, way in ways.items()}
            for _ in range(ROUNDS)
        ]
        best = {name: min(measured[name] for measured in rounds) for name in ways}
        ours = next(iter(best.values()))
        table = Table("way", "seconds", "ratio", title=f"{subject}, {distance}")
        for name, seconds in best.items():
            table.add_row(name, f"{seconds:.2f}", f"{seconds / ours:.2f}")
        Console().print(table)


def main() -> int:
    """Measure near and far."""
    for distance, storage_class in (("near", GoogleStorage), ("far", _FarStorage)):
        with _bucket(storage_class) as store:
            _measure(distance, store)
    return 0


if __name__ == "__main__":
    sys.exit(main())
