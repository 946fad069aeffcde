"""The manifests of tiles that were sent to a Label Studio project."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path

from zenml.client import Client
from zenml.models import ArtifactVersionResponse
from zenml.utils.pagination_utils import depaginate_stream

from utils.tiling.manifest import TileManifest
from utils.tiling.tile import Tile

# The reports of those who send tiles. Only an ingest sends all tiles of a scene.
INGESTS = ("sync_issues",)
PICKS = ("send_issues",)


def manifests_of(
    project: int | str, senders: Sequence[str] = (*INGESTS, *PICKS)
) -> list[ArtifactVersionResponse]:
    """The distinct tile manifests that were sent to a project: of ingests, then picked ones.

    The newest of each come first. The way leads over the reports of those who sent something to
    that project, to what each was given.

    Args:
        project: Its name or number.
        senders: `INGESTS`, `PICKS`, or both.
    """
    found: dict[str, ArtifactVersionResponse] = {}
    for report in chain.from_iterable(map(_reports, senders)):
        names = report.run_metadata.get("project_name"), report.run_metadata.get("project_id")
        if str(project) in map(str, names):
            manifest = report.step.inputs["manifest"][0]
            found.setdefault(manifest.content_hash or str(manifest.id), manifest)
    return list(found.values())


def _reports(artifact: str) -> Iterator[ArtifactVersionResponse]:
    return depaginate_stream(
        Client().list_artifact_versions, artifact=artifact, sort_by="desc:created"
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
