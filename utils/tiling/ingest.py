"""From scenes to tiles in the store and the manifest that lists them: resumable and repeatable."""

from __future__ import annotations

import hashlib
import shutil
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from operator import attrgetter
from pathlib import Path

import numpy as np

from utils import interrupts
from utils.errors import ImageError
from utils.images.damage import DamageSigns
from utils.images.reader import image_size
from utils.issues import IssueReport
from utils.locks import exclusive
from utils.paths import local_folder
from utils.progress import Advance, progress
from utils.scenes.classes import merge_issues
from utils.scenes.coverage import Coverage, Covered, coverage_of
from utils.scenes.held_shapes import chosen_kind, held_shapes
from utils.scenes.noted import damage_issues, image_issues
from utils.scenes.region_choice import check_regions
from utils.scenes.scene import Scene, SceneSource
from utils.scenes.selection import WHOLE, Selection
from utils.shapes.columns import with_kind
from utils.shapes.shapes import ShapeKind
from utils.storage.disk import disk_faults
from utils.storage.objects import ObjectStore
from utils.storage.transfers import Transfers
from utils.tiling.manifest import TileManifest, cut_with
from utils.tiling.options import TilingOptions
from utils.tiling.parts import PARTS, part_key, stored_tiles, tile_key
from utils.tiling.plan import PlannedTile, TilePlan, plan_tiles
from utils.tiling.statistics import IngestStatistics, scene_statistics
from utils.tiling.tile import Tile
from utils.tiling.tiler import cut_tiles, finished_tile

UNREADABLE = "image cannot be read"
_FINISHERS = 4
_LIMIT = "source.max_bad_share"
_FEW_SCENES = 10


@dataclass(frozen=True, slots=True)
class IngestResult:
    """The result of an ingest.

    Attributes:
        manifest: The tiles in the store, in order of scene id and window.
        issues: The scenes and boxes set aside, and why.
        statistics: Figures of the run.
    """

    manifest: TileManifest
    issues: IssueReport
    statistics: IngestStatistics


def ingest_scenes(
    source: SceneSource,
    store: ObjectStore,
    options: TilingOptions,
    *,
    manifest_path: Path,
    selection: Selection = WHOLE,
    kind: ShapeKind | None = None,
) -> IngestResult:
    """Cut scenes of a source into tiles, store them, and write the manifest.

    A scene that an earlier run has finished is left alone, provided its tiles are still in the
    store as they were. A run that was killed at any moment leaves whole files only; the next one
    takes up where it ended and writes the same manifest, byte for byte.

    Args:
        source: Where the scenes come from.
        store: Receives the tiles under `tiles/` and a small file for each scene under `parts/`.
        options: How to read and cut.
        manifest_path: Receives the manifest, whole or not at all.
        selection: The scenes to cut, by default all; `merge_ingests` joins what several leave.
        kind: Kind of all labels; by default the least that the source holds.

    Raises:
        SourceError: If no label of the source can become of that kind.
        BusyError: If another process on this machine ingests the same share into the store.
        StoreError: If the store cannot be reached or written, or a disk is full.
    """
    kind = chosen_kind(source.name, held_shapes(source), kind) if kind is None else kind
    work = f"{store.uri} (part {selection.shard + 1} of {selection.shards})"
    with exclusive("ingest", store.uri if selection == WHOLE else work):
        store.check()
        issues = IssueReport()
        folder = _empty_folder(work)
        ingest = _Ingest(store, options, kind, issues, folder)
        parts = sorted(ingest.run(source, selection), key=attrgetter("scene_id"))
        footer = cut_with(options) | with_kind(kind)
        with disk_faults(manifest_path.parent):
            manifest = TileManifest.write(
                manifest_path, _class_names(source, ingest.labels), _all_tiles(parts), footer=footer
            )
        statistics = sum((part.statistics for part in parts), IngestStatistics())
        shutil.rmtree(folder, ignore_errors=True)
    return IngestResult(
        manifest, issues, replace(statistics, scenes_set_aside=issues.items_set_aside())
    )


def _class_names(source: SceneSource, met: set[str]) -> list[str]:
    """The classes of the source in its order; sorted if its scenes have others, such as "empty"."""
    others = met - set(source.class_names)
    return sorted({*source.class_names, *others}) if others else list(source.class_names)


def merge_ingests(
    shards: Sequence[IngestResult], manifest_path: Path, *, max_bad_share: float = 0.1
) -> IngestResult:
    """Join the results of ingests that shared the scenes of a source.

    The result is the same, byte for byte, however many they were.

    Args:
        shards: In any order.
        manifest_path: Receives the manifest, whole or not at all.
        max_bad_share: Largest share of the scenes that may be set aside, and of the labels that
            may be lost, in [0, 1].

    Raises:
        StoreError: If a disk is full.
        TooManyIssuesError: If too many scenes had to be set aside or too many labels are lost.
        SourceError: If the regions of the source touch none of its scenes.
    """
    issues = merge_issues([shard.issues for shard in shards])
    statistics = sum((shard.statistics for shard in shards), IngestStatistics())
    scenes = statistics.scenes + issues.items_set_aside()
    issues.check_share(scenes, max_bad_share, "scenes", _LIMIT)
    issues.check_left(statistics.scenes, "scenes")
    issues.check_labels(statistics.boxes, max_bad_share, _LIMIT)
    outside = statistics.tiles_outside_regions
    check_regions(issues, statistics.scenes, statistics.all_tiles, outside)
    manifests = [shard.manifest for shard in shards]
    with disk_faults(manifest_path.parent):
        manifest = TileManifest.merge(manifest_path, manifests, attrgetter("scene_id"))
    return IngestResult(manifest, issues, statistics)


@dataclass(frozen=True, slots=True)
class _Part:
    """A finished scene: its manifest as a local file, and its numbers."""

    scene_id: str
    path: Path
    statistics: IngestStatistics


class _Ingest:
    """One run of `ingest_scenes`.

    Scenes are decoded one after another, since a source may hold only one file at a time; their
    tiles are encoded and uploaded in parallel, and a scene is finished in the background when the
    last of them is in the store.
    """

    def __init__(
        self,
        store: ObjectStore,
        options: TilingOptions,
        kind: ShapeKind,
        issues: IssueReport,
        folder: Path,
    ) -> None:
        self.labels: set[str] = set()
        self._store = store
        self._options = options
        self._kind = kind
        self._issues = issues
        self._folder = folder
        self._known_parts = {found.key for found in store.list(PARTS)}

    def run(self, source: SceneSource, selection: Selection) -> Iterator[_Part]:
        """Yield the parts of the selected scenes as they are finished."""
        finishing: deque[Future[_Part]] = deque()
        with (
            _progress(source, selection) as (scene_done, tile_done),
            ThreadPoolExecutor(_FINISHERS, thread_name_prefix="finish") as finishers,
            Transfers() as uploads,
        ):
            for scene in source.read(self._issues, selection, self._kind):
                try:
                    work = self._begin(scene, uploads, tile_done)
                except ImageError as error:
                    self._issues.add(scene.id, UNREADABLE, error)
                else:
                    finishing.append(finishers.submit(work))
                scene_done(1)
                while finishing and finishing[0].done():
                    yield finishing.popleft().result()
            while finishing:
                yield finishing.popleft().result()

    def _begin(self, scene: Scene, uploads: Transfers, tile_done: Advance) -> Callable[[], _Part]:
        """Cut a scene unless that is done already; its file is not needed afterwards.

        Returns:
            What is left to do: wait for the uploads and write the part.
        """
        noted = image_issues(scene, self._options.pixels)
        plan, coverage, options = self._plan(scene)
        noted += coverage.issues
        key = part_key(scene, self._options, coverage.identity)
        tiles = self._tiles_of_earlier_run(scene.id, key)
        uploaded: list[Future[Tile]] = []
        if tiles is None and plan.is_looked_at:
            damage = DamageSigns()
            submit = partial(self._submit, uploads, plan)
            for upload in cut_tiles(plan, options, submit, damage):
                uploaded.append(upload)
                tile_done(1)
            noted += damage_issues(scene, damage, self._options.pixels)
        self._issues.extend([*noted, *plan.issues])
        self.labels.update(
            label for tile in plan.tiles if tile.shapes for label in tile.shapes.labels
        )
        return partial(self._finish, plan, key, tiles, uploaded)

    def _plan(self, scene: Scene) -> tuple[TilePlan, Coverage, TilingOptions]:
        width, height = image_size(scene.path, self._options.pixels)
        options = self._options.for_scene(width, height, self._kind)
        coverage = coverage_of(scene, width, height, options.pixels)
        grid = options.grid_over(width, height)
        xyxy = scene.shapes.xyxy if scene.shapes is not None else np.zeros((0, 4))
        covered = Covered(coverage.windows(grid.columns, grid.rows), coverage.inside(xyxy))
        return plan_tiles(scene, width, height, options, covered), coverage, options

    def _tiles_of_earlier_run(self, scene_id: str, key: str) -> list[Tile] | None:
        if key not in self._known_parts:
            return None
        return stored_tiles(self._store, scene_id, self._store.get(key, self._folder / key))

    def _submit(
        self, uploads: Transfers, plan: TilePlan, planned: PlannedTile, content: bytes
    ) -> Future[Tile]:
        return uploads.submit(self._upload, plan, planned, content)

    def _upload(self, plan: TilePlan, planned: PlannedTile, content: bytes) -> Tile:
        sha256 = hashlib.sha256(content).hexdigest()
        key = tile_key(plan.scene.id, planned.tile_id, sha256, self._options)
        return finished_tile(plan, planned, self._store.write(key, content), sha256, len(content))

    def _finish(
        self, plan: TilePlan, key: str, tiles: list[Tile] | None, uploaded: list[Future[Tile]]
    ) -> _Part:
        path = self._folder / key
        is_new = tiles is None
        if tiles is None:
            tiles = [upload.result() for upload in uploaded]
            with disk_faults(self._folder):
                # A part that a power cut has damaged is cut again.
                TileManifest.write(path, (), tiles, synced=False)
            self._store.put(path, key)
        return _Part(plan.scene.id, path, scene_statistics(plan, tiles, unchanged=not is_new))


@contextmanager
def _progress(source: SceneSource, selection: Selection) -> Iterator[tuple[Advance, Advance]]:
    """A bar over the scenes, or, where they are few, over their tiles.

    Yields:
        What to call with the scenes done, and with the tiles done.
    """
    scenes = None if source.scene_count is None else selection.count_of(source.scene_count)
    by_scene = scenes is not None and scenes >= _FEW_SCENES
    unit, total = ("scenes", scenes) if by_scene else ("tiles", None)
    with progress(f"Cutting and storing ({unit})", total) as advance:
        yield (advance, _ignore) if by_scene else (_ignore, advance)


def _ignore(steps: int) -> None:
    """Count nothing, but stop when the user says so."""
    del steps
    interrupts.check()


def _empty_folder(work: str) -> Path:
    """A folder for the parts of this run; what a killed run has left in it is removed."""
    name = hashlib.sha256(work.encode()).hexdigest()[:16]
    folder = local_folder("cache", "ingest", name)
    shutil.rmtree(folder)
    return folder


def _all_tiles(parts: Sequence[_Part]) -> Iterator[Tile]:
    for part in parts:
        yield from TileManifest(part.path)
