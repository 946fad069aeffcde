"""The labels of tiles brought back to their scenes, each object once, for the map."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path

import numpy as np

from utils.dataset.labeled import LabeledDataset, LabeledTile
from utils.detection.geopackage import NOT_ON_MAP, LabelledScene, write_labels_geopackage
from utils.detection.merge import merge_windows
from utils.images.georeference import Georeference
from utils.issues import IssueReport
from utils.shapes.shapes import Shapes
from utils.tiling.tile import Tile

_REVIEWED, _UNREVIEWED = 1.0, 0.5  # as scores, so that the label of a person wins


@dataclass(frozen=True, slots=True)
class ScenePlace:
    """The size of a scene, and where it lies.

    Attributes:
        size: Width and height in pixels.
        georeference: Its georeference.
    """

    size: tuple[int, int]
    georeference: Georeference


def places_of(tiles: Iterable[Tile]) -> dict[str, ScenePlace]:
    """The place of each scene that knows it, by scene id."""
    return {
        tile.scene_id: ScenePlace((tile.scene_width, tile.scene_height), tile.georeference)
        for tile in tiles
        if tile.georeference is not None
    }


def write_label_map(
    labels: LabeledDataset, places: Mapping[str, ScenePlace], path: Path, issues: IssueReport
) -> int:
    """Write the labels of all scenes that know their place as a GeoPackage.

    An object that several tiles show is one feature, joined as predictions are.

    Args:
        labels: Labels of tiles.
        places: Places of scenes, from `places_of`.
        path: The file.
        issues: Receives the scenes that are left out.

    Returns:
        Number of scenes in the file; without any, there is no file.

    Raises:
        StoreError: If the disk is full.
    """
    known = {tile.scene_id for tile in labels if tile.scene_id in places}
    for scene_id in sorted({tile.scene_id for tile in labels} - known):
        issues.add(scene_id, NOT_ON_MAP, "the scene does not know where it lies", set_aside=False)
    if known:
        write_labels_geopackage(_scenes(labels, places), labels.class_names, path, issues)
    return len(known)


def _scenes(labels: LabeledDataset, places: Mapping[str, ScenePlace]) -> Iterator[LabelledScene]:
    ordered = sorted((tile for tile in labels if tile.scene_id in places), key=_scene_of)
    for scene_id, tiles in groupby(ordered, _scene_of):
        place = places[scene_id]
        found = [(tile.window, _in_scene(tile)) for tile in tiles]
        merged = merge_windows(found, *place.size)
        reviewed = merged.confidences == _REVIEWED
        yield LabelledScene(scene_id, place.georeference, merged, reviewed)


def _scene_of(tile: LabeledTile) -> str:
    return tile.scene_id


def _in_scene(tile: LabeledTile) -> Shapes:
    score = _REVIEWED if tile.reviewed else _UNREVIEWED
    moved = tile.shapes.shifted(tile.window.x, tile.window.y)
    return replace(moved, scores=np.full(len(moved), score))
