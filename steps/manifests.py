"""The manifests of tiles that were sent to a Label Studio project."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

from zenml import log_metadata
from zenml.client import Client
from zenml.models import ArtifactVersionResponse, StepRunResponse
from zenml.utils.pagination_utils import depaginate_stream

from utils.annotation.project import Project
from utils.tiling.manifest import TileManifest
from utils.tiling.tile import Tile

# The steps that send tiles. Only an ingest sends all tiles of a scene.
INGESTS = ("sync_annotations",)
PICKS = ("send_picked_tiles",)
_DESTINATION = "label studio project"


def note_destination(project: Project) -> None:
    """Note on the running step to which project it sends the tiles of its input `manifest`.

    To be called before anything is sent: a step that is killed half-way has sent some of them, and
    what people make of these must come back too.
    """
    log_metadata({_DESTINATION: {"id": project.id, "name": project.title}})


def manifests_of(
    project: int | str, senders: Sequence[str] = (*INGESTS, *PICKS)
) -> list[ArtifactVersionResponse]:
    """The distinct tile manifests that were sent to a project: of ingests, then picked ones.

    The newest of each come first. The way leads over the steps that sent something to that
    project, or were about to, to what each was given.

    Args:
        project: Its name or number.
        senders: `INGESTS`, `PICKS`, or both.
    """
    found: dict[str, ArtifactVersionResponse] = {}
    for sender in chain.from_iterable(map(_runs, senders)):
        destination: Any = sender.run_metadata.get(_DESTINATION, {})
        if str(project) in map(str, destination.values()):
            manifest = sender.inputs["manifest"][0]
            found.setdefault(manifest.content_hash or str(manifest.id), manifest)
    return list(found.values())


def _runs(step: str) -> Iterator[StepRunResponse]:
    return depaginate_stream(
        Client().list_run_steps, name=step, sort_by="desc:created", hydrate=True
    )


def all_tiles_sent(
    newest: TileManifest,
    project: int | str,
    path: Path,
    senders: Sequence[str] = (*INGESTS, *PICKS),
) -> TileManifest:
    """One manifest of all tiles that were sent to a project, each in its newest version.

    Args:
        newest: The newest manifest of these senders.
        project: Its name or number.
        path: Where to write the manifest.
        senders: `INGESTS`, `PICKS`, or both.
    """
    earlier = [manifest.load() for manifest in manifests_of(project, senders)[1:]]
    if not earlier:
        return newest
    classes = dict.fromkeys(name for part in (newest, *earlier) for name in part.class_names)
    return TileManifest.write(path, classes, _each_once([newest, *earlier]))


def picked_tiles_of(project: int | str) -> Iterator[Tile]:
    """Each tile that was picked and sent to a project, in its newest version."""
    return _each_once([manifest.load() for manifest in manifests_of(project, PICKS)])


def _each_once(manifests: Sequence[TileManifest]) -> Iterator[Tile]:
    seen: set[str] = set()
    for manifest in manifests:
        for tile in manifest:
            if tile.tile_id not in seen:
                seen.add(tile.tile_id)
                yield tile
