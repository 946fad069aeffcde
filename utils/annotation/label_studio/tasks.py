"""Tiles as Label Studio tasks, checked before they are sent, since Label Studio checks nothing."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from utils.annotation.label_studio.interface import IMAGE_KEY
from utils.annotation.label_studio.results import places_and_labels, results_of, sendable
from utils.annotation.preannotations import Preannotation, model_version_name
from utils.issues import Issue, IssueReport
from utils.progress import Advance
from utils.shapes.shapes import Shapes
from utils.tiling.tile import Tile

if TYPE_CHECKING:
    from utils.annotation.label_studio.images import ServedImages
    from utils.annotation.project import Project

# Rounded, so that noise in the last digits does not make a sent prediction look outdated.
PRIORITY_DIGITS = 3
# Further columns of tasks, by tile id: the draw of a survey, for example.
TaskColumns = Mapping[str, Mapping[str, Any]]
TRUTH = "truth"  # the ids of regions that were sent as ground truth begin so


@dataclass(frozen=True, slots=True)
class TileTask:
    """A task ready to be sent.

    Attributes:
        tile_id: The tile's id.
        uid: A fingerprint of the tile's image and ground truth; it differs when either has changed.
        body: The task as JSON for Label Studio's import, UTF-8.
        issues: Shapes of the ground truth that were clipped or left out.
    """

    tile_id: str
    uid: str
    body: bytes
    issues: tuple[Issue, ...] = ()


def uid_of(tile: Tile) -> str:
    """A fingerprint of a tile's image and ground truth, the same in every run."""
    truth = None if tile.shapes is None else places_and_labels(tile.shapes)
    known = json.dumps([tile.tile_id, tile.sha256, truth])
    return hashlib.sha256(known.encode()).hexdigest()[:16]


def has_known_labels(tile: Tile) -> bool:
    """Whether the ground truth of a tile is known; no class of an image is none."""
    shapes = tile.shapes
    return shapes is not None and (len(shapes) > 0 or shapes.kind.has_places)


def sendable_shapes(tile: Tile) -> Shapes:
    """The ground truth of a tile as it is sent: usable shapes."""
    return sendable(tile, Shapes() if tile.shapes is None else tile.shapes)[0]


def unknown_labels(tile: Tile, class_names: Collection[str]) -> list[str]:
    """The labels on a tile that a project does not offer.

    Label Studio would accept them, and show them as classes that nobody can choose.
    """
    labels = tile.shapes.labels if tile.shapes is not None else ()
    return sorted(set(labels).difference(class_names))


def task_of(
    tile: Tile,
    image_url: str,
    found: Preannotation | None = None,
    *,
    propose_as: str | None = None,
    columns: Mapping[str, Any] = MappingProxyType({}),
) -> TileTask:
    """The task of a tile, with its ground truth, if any.

    Args:
        tile: A tile with boxes in tile pixels.
        image_url: Address at which Label Studio finds the image.
        found: A detector's boxes, which become a prediction of the task.
        propose_as: Name of the prediction that holds the ground truth; None sends the ground truth
            as an annotation.
        columns: Further columns of the task.
    """
    uid = uid_of(tile)
    body: dict[str, Any] = {
        "data": {
            IMAGE_KEY: image_url,
            "tile_id": tile.tile_id,
            "scene_id": tile.scene_id,
            "uid": uid,
            "x": tile.window.x,
            "y": tile.window.y,
            "width": tile.window.width,
            "height": tile.window.height,
        }
        | dict(columns)
    }
    issues: tuple[Issue, ...] = ()
    # The known labels come last: Label Studio copies the last one into a new annotation.
    proposals = [] if found is None else [prediction_of(tile, found)]
    if tile.shapes is not None and has_known_labels(tile):
        shapes, issues = sendable(tile, tile.shapes)
        known = results_of(tile, shapes, TRUTH)
        if propose_as is None:
            # Label Studio's own "ground truth" marks annotations that people vouch for.
            body["annotations"] = [{"result": known, "ground_truth": False}]
        else:
            proposals.append(known_labels_proposal(known, propose_as))
    if proposals:
        body["predictions"] = proposals
    return TileTask(tile.tile_id, uid, json.dumps(body).encode(), issues)


def known_labels_proposal(result: list[dict[str, Any]], name: str) -> dict[str, Any]:
    """A prediction of Label Studio that holds the ground truth; it has no score.

    Args:
        result: The regions, perhaps none.
        name: Model version that the project shows.
    """
    return {"model_version": name, "result": result}


def prediction_of(tile: Tile, found: Preannotation) -> dict[str, Any]:
    """A detector's boxes on a tile as a prediction of Label Studio.

    Each region has the score of its box. The score of the prediction, by which Label Studio sorts
    tasks, is the priority. The ids of the regions hold a fingerprint of all boxes, so that an
    unchanged prediction is recognised without comparing coordinates.
    """
    shapes, _ = sendable(tile, found.shapes)
    return {
        "model_version": model_version_name(found.model_version),
        "score": round(found.priority, PRIORITY_DIGITS),
        "result": results_of(tile, shapes, _fingerprint(shapes)),
    }


def sendable_tasks(
    tiles: Iterable[Tile],
    project: Project,
    images: ServedImages,
    issues: IssueReport,
    advance: Advance,
    found: Mapping[str, Preannotation] = MappingProxyType({}),
    propose_as: str | None = None,
    columns: TaskColumns = MappingProxyType({}),
) -> Iterator[TileTask]:
    """Yield the tasks of tiles that can be sent; the others are set aside.

    Args:
        tiles: The tiles, consumed as a stream.
        project: The project that receives them.
        images: The addresses of their images.
        issues: Receives the tiles that cannot be sent, and boxes that had to be mended.
        advance: Called for each tile set aside.
        found: A detector's boxes by tile id.
        propose_as: As of `task_of`.
        columns: Further columns of the tasks, by tile id.
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
        elif tile.shapes and tile.shapes.kind != project.kind:
            detail = f"it has {tile.shapes.kind.noun}, and the project takes {project.kind.noun}"
            issues.add(tile.tile_id, "labels of another kind", detail)
        else:
            task = task_of(
                tile,
                image_url,
                found.get(tile.tile_id),
                propose_as=propose_as,
                columns=columns.get(tile.tile_id, {}),
            )
            issues.extend(task.issues)
            yield task
            continue
        advance(1)


def _fingerprint(shapes: Shapes) -> str:
    scores = None if shapes.scores is None else shapes.scores.tolist()
    known = json.dumps([*places_and_labels(shapes), scores])
    return hashlib.sha256(known.encode()).hexdigest()[:8]
