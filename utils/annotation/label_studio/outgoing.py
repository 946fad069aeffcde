"""What goes to Label Studio: checked tile by tile, then in batches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from utils.annotation.label_studio.import_queue import Item
from utils.annotation.label_studio.tasks import TileTask, task_of, unknown_labels
from utils.issues import IssueReport
from utils.progress import Advance

if TYPE_CHECKING:
    from utils.annotation.label_studio.images import ServedImages
    from utils.annotation.label_studio.project import Project
    from utils.annotation.preannotations import Preannotation
    from utils.tiling.tile import Tile

_MEGABYTE = 1_000_000


def sendable_tasks(
    tiles: Iterable[Tile],
    project: Project,
    images: ServedImages,
    issues: IssueReport,
    advance: Advance,
    found: Mapping[str, Preannotation] = MappingProxyType({}),
) -> Iterator[TileTask]:
    """The tasks of tiles that can be sent; the others are set aside.

    Args:
        tiles: Consumed as a stream.
        project: That shall receive them.
        images: How it shows them.
        issues: Receives the tiles that cannot be sent, and boxes that had to be mended.
        advance: Called for each tile set aside.
        found: What a detector found, by tile id.
    """
    for tile in tiles:
        image_url = images.url_of(tile.uri)
        if image_url is None:
            issues.add(tile.tile_id, "image elsewhere", f"{tile.uri} is not in {images.source}")
        elif tile.uri.startswith("/") and not Path(tile.uri).is_file():
            issues.add(tile.tile_id, "missing image", f"{tile.uri} does not exist")
        elif unknown := unknown_labels(tile, project.class_names):
            issues.add(
                tile.tile_id,
                "unknown label",
                f"the project does not offer {', '.join(unknown)}",
            )
        else:
            task = task_of(tile, image_url, found.get(tile.tile_id))
            issues.extend(task.issues)
            yield task
            continue
        advance(1)


def batches(
    items: Iterable[Item], megabytes: float, most: int | None = None
) -> Iterator[list[Item]]:
    """Batches within the limits on bytes and number; one item larger than that goes alone.

    Args:
        items: Consumed as a stream.
        megabytes: Of the bodies of a batch.
        most: Items in a batch; any number by default.
    """
    batch: list[Item] = []
    size = 0
    for item in items:
        added = len(item.body)
        if batch and (len(batch) == most or size + added > megabytes * _MEGABYTE):
            yield batch
            batch, size = [], 0
        batch.append(item)
        size += added
    if batch:
        yield batch
