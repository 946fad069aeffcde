"""The manifests of tiles that were sent to a Label Studio project, known by their tags."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import chain
from pathlib import Path
from typing import Any

from zenml import get_step_context
from zenml.client import Client
from zenml.models import ArtifactVersionResponse
from zenml.utils.pagination_utils import depaginate, depaginate_stream

from utils.annotation.project import Project
from utils.errors import ConfigurationError
from utils.shapes.shapes import ShapeKind
from utils.tiling.manifest import TileManifest
from utils.tiling.options import TilingOptions
from utils.tiling.tile import Tile

# The steps that send tiles. Only an ingest sends all tiles of a scene.
INGESTS = ("sync_annotations",)
PICKS = ("send_picked_tiles", "send_survey_tiles")
# Steps noted their destination in their metadata before manifests had tags.
_DESTINATION = "label studio project"
# Tags the manifest of a project that was adopted last, so that a kill half-way is made good.
_ADOPTED = "adopted"


def note_destination(project: Project) -> None:
    """Tag the input `manifest` of the running step with the project to which it sends the tiles.

    Call it before anything is sent: a step that is killed half-way has sent some tiles, and the
    export must find the reviews of these too.
    """
    step = get_step_context().step_run
    _adopt_untagged((project.id, project.title))
    for sender in (step.name, _ADOPTED):  # from now on all manifests of the project have tags
        _tag(step.inputs["manifest"][0], sender, (project.id, project.title))


def manifests_of(
    project: int | str, senders: Sequence[str] = (*INGESTS, *PICKS)
) -> list[ArtifactVersionResponse]:
    """List the distinct tile manifests that were sent to a project: ingests, then picks.

    The newest of each come first.

    Args:
        project: Name or number of the project.
        senders: `INGESTS`, `PICKS`, or both.
    """
    _adopt_untagged((project,))
    found: dict[str, ArtifactVersionResponse] = {}
    for manifest in chain.from_iterable(_tagged(project, sender) for sender in senders):
        found.setdefault(manifest.content_hash or str(manifest.id), manifest)
    return list(found.values())


def manifests_behind(labels: ArtifactVersionResponse) -> list[ArtifactVersionResponse]:
    """List the tile manifests of the project that a labelled dataset was exported from.

    Raises:
        ConfigurationError: If the step that exported it is no longer known.
    """
    step = labels.step if labels.producer_step_run_id else None
    settings = step.config.parameters.get("label_studio") if step is not None else None
    if not isinstance(settings, dict):
        raise ConfigurationError(
            f"The export of version {labels.version} is no longer in ZenML's store, so it is not "
            "known where its scenes lie. Export again: python run.py --export"
        )
    return manifests_of(settings["project"])


def beside_ingests(tiling: TilingOptions, project: int | str) -> TilingOptions:
    """Decide `edges: auto` as the newest ingest into a project did, whose tiles stay so.

    Raises:
        ConfigurationError: If there was an ingest, and no manifest of the project can be read.
    """
    earlier = manifests_of(project, INGESTS) if tiling.edges == "auto" else []
    if not earlier:
        return tiling.beside(None)
    for version in earlier:
        with suppress(Exception):  # any of an artifact store: gone, or out of this machine's reach
            manifest: TileManifest = version.load()
            # Before manifests said so, tiles at the edges were small.
            return tiling.beside(manifest.cut or TilingOptions(edges="cut"))
    raise ConfigurationError(
        f"No manifest of the tiles in the project '{project}' can be read, so it is not known how "
        "they were cut. Say it, so that none comes twice: --set tiling.edges=full, or "
        "tiling.edges=cut for a project from before this was an option."
    )


def kind_beside_ingests(kind: ShapeKind | None, project: int | str) -> ShapeKind | None:
    """Decide the kind of labels as the newest ingest into a project did, whose tiles stay so.

    Returns:
        The kind; None where there was no ingest and none is asked for.

    Raises:
        ConfigurationError: If the kind that is asked for is another one.
    """
    for version in manifests_of(project, INGESTS):
        with suppress(Exception):  # any of an artifact store: gone, or out of this machine's reach
            manifest: TileManifest = version.load()
            earlier = manifest.kind
            break
    else:
        return kind
    if kind is not None and kind != earlier:
        raise ConfigurationError(
            f"The tiles in the project '{project}' have {earlier.noun} as labels (kind: {earlier}),"
            f" and kind: {kind} asks for {kind.noun}. Leave kind out, set kind to {earlier}, or "
            "send the tiles to another project: --set label_studio.project=NAME"
        )
    return earlier


def projects_with_tiles() -> list[str]:
    """List the names of the Label Studio projects to which tiles were sent by an ingest."""
    prefixes = [f"{sender}:" for sender in INGESTS]
    found = {
        tag.name.removeprefix(prefix)
        for prefix in prefixes
        for tag in depaginate(Client().list_tags, name=f"startswith:{prefix}")
        if _tagged_any(tag.name)
    }
    return sorted(name for name in found if not name.isdigit())


def _tagged_any(tag: str) -> bool:
    return bool(Client().list_artifact_versions(tags=[tag], size=1).total)


def _tag_of(sender: str, project: int | str) -> str:
    return f"{sender}:{project}"


def _tagged(project: int | str, sender: str) -> list[ArtifactVersionResponse]:
    tags = [_tag_of(sender, project)]
    return depaginate(
        Client().list_artifact_versions, tags=tags, sort_by="desc:created", hydrate=True
    )


def _tag(manifest: ArtifactVersionResponse, sender: str, project: Sequence[int | str]) -> None:
    tags = [_tag_of(sender, name) for name in project]
    Client().update_artifact_version(manifest.id, add_tags=tags)


def _adopt_untagged(project: Sequence[int | str]) -> None:
    """Tag what was sent to a project before manifests had tags, unless that is done already.

    Args:
        project: Known names and numbers of the project.
    """
    if any(_tagged(name, _ADOPTED) for name in project):
        return
    adopted: list[tuple[ArtifactVersionResponse, list[int | str]]] = []
    for sender in (*INGESTS, *PICKS):
        steps = depaginate_stream(Client().list_run_steps, name=sender, hydrate=True)
        for step in steps:
            destination: Any = step.run_metadata.get(_DESTINATION, {})
            if {str(name) for name in project} & set(map(str, destination.values())):
                adopted.append((step.inputs["manifest"][0], list(destination.values())))
                _tag(adopted[-1][0], sender, adopted[-1][1])
    if adopted:
        _tag(adopted[-1][0], _ADOPTED, adopted[-1][1])


def all_tiles_sent(
    newest: TileManifest,
    project: int | str,
    path: Path,
    senders: Sequence[str] = (*INGESTS, *PICKS),
) -> TileManifest:
    """Write one manifest of all tiles that were sent to a project, each in its newest version.

    Args:
        newest: Newest manifest of these senders; returned as it is where there is no other.
        project: Name or number of the project.
        path: File to write.
        senders: `INGESTS`, `PICKS`, or both.
    """
    earlier = [manifest.load() for manifest in manifests_of(project, senders)[1:]]
    if not earlier:
        return newest
    classes = dict.fromkeys(name for part in (newest, *earlier) for name in part.class_names)
    common = set(newest.footer.items()).intersection(*(part.footer.items() for part in earlier))
    return TileManifest.write(path, classes, _each_once([newest, *earlier]), footer=dict(common))


def picked_tiles_of(project: int | str) -> Iterator[Tile]:
    """Yield each tile that was picked and sent to a project, in its newest version."""
    return _each_once([manifest.load() for manifest in manifests_of(project, PICKS)])


def _each_once(manifests: Sequence[TileManifest]) -> Iterator[Tile]:
    seen: set[str] = set()
    for manifest in manifests:
        for tile in manifest:
            if tile.tile_id not in seen:
                seen.add(tile.tile_id)
                yield tile
