"""The tiles and objects of each group of a survey."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np

from utils.counting.groups import REGION, groups_of
from utils.counting.options import CountOptions
from utils.counting.regions import CountRegion, SceneRegions
from utils.counting.reviews import ReviewedDraw
from utils.counting.survey import SurveyTile
from utils.counting.weights import object_counts, score_scales
from utils.geometry import FloatArray, IntArray, Window
from utils.issues import IssueReport
from utils.shapes.shapes import Shapes

NO_GROUP = "groups without a scene"
NO_SCENE = "region without a scene"
Group = tuple[str, str]


@dataclass(frozen=True, slots=True, eq=False)
class Objects:
    """Objects of one class in one group.

    Attributes:
        places: Place of the tile of each object in the order of the draws, from 0, shape (n,).
        weights: Number of objects that each counts for, shape (n,).
    """

    places: IntArray
    weights: FloatArray

    @property
    def total(self) -> float:
        """The number of objects."""
        return float(self.weights.sum())

    def by_tile(self, draws: int) -> FloatArray:
        """The number of objects in each of the first tiles, shape (draws,)."""
        early = self.places < draws
        counts = np.bincount(self.places[early], self.weights[early], minlength=draws)
        return np.asarray(counts, dtype=np.float64)


_NOTHING = Objects(np.zeros(0, dtype=np.intp), np.zeros(0))


@dataclass(frozen=True, slots=True, eq=False)
class Members:
    """The tiles and objects of one group.

    Attributes:
        tiles: Places of its tiles in the order of the draws, rising, from 0, shape (n,).
        predicted: Predicted objects by class.
        reviewed: Reviewed objects by class.
    """

    tiles: IntArray
    predicted: Mapping[str, Objects]
    reviewed: Mapping[str, Objects]

    def predicted_of(self, label: str) -> Objects:
        """The predicted objects of a class, perhaps none."""
        return self.predicted.get(label, _NOTHING)

    def reviewed_of(self, label: str) -> Objects:
        """The reviewed objects of a class, perhaps none."""
        return self.reviewed.get(label, _NOTHING)


class _Gathering:
    """Objects as they come, by group and class."""

    def __init__(self) -> None:
        self._found: dict[Group, dict[str, list[tuple[int, float]]]] = defaultdict(
            lambda: defaultdict(list)
        )

    def add(
        self, groups: Iterable[Group], place: int, labels: Sequence[str], w: FloatArray
    ) -> None:
        for group in groups:
            of_group = self._found[group]
            for label, weight in zip(labels, w.tolist(), strict=True):
                of_group[label].append((place, weight))

    def of(self, group: Group) -> dict[str, Objects]:
        return {
            label: Objects(
                np.array([place for place, _ in rows], dtype=np.intp),
                np.array([weight for _, weight in rows], dtype=float),
            )
            for label, rows in self._found.get(group, {}).items()
        }


def members_of(
    tiles: Sequence[SurveyTile],
    draws: Sequence[ReviewedDraw],
    options: CountOptions,
    confidence: float,
    regions: Sequence[CountRegion],
    issues: IssueReport,
) -> dict[Group, Members]:
    """Sort tiles and objects into groups: everything first, then kind by kind, by name.

    Args:
        tiles: All tiles of the survey, in the order of the draws.
        draws: The first draws, which are reviewed.
        options: Kinds of groups.
        confidence: Minimum score of a predicted object; see `score_scales`.
        regions: Regions to count in.
        issues: Receives scenes that have no place among the regions.
    """
    places: dict[Group, list[int]] = defaultdict(list)
    predicted, reviewed = _Gathering(), _Gathering()
    scales, is_any_placed = score_scales(tiles, confidence), False
    order = sorted(range(len(tiles)), key=lambda place: (tiles[place].scene_id, place))
    for _, of_scene in groupby(order, key=lambda place: tiles[place].scene_id):
        scene = list(of_scene)
        placed = _regions_over(tiles[scene[0]], regions, issues)
        is_any_placed |= placed.is_placed
        touching = list(placed.touching([tiles[place].cell for place in scene]))
        for row, place in enumerate(scene):
            whole = list(groups_of(tiles[place], options))
            near = [(REGION, name) for name, mask in touching if mask[row]]
            for group in (*whole, *near):
                places[group].append(place)
            found, cell = tiles[place].found, tiles[place].cell
            weights = object_counts(found, scales)
            _gather(predicted, (place, cell), found, weights, whole, placed)
            counted = draws[place].counted if place < len(draws) else None
            if counted is not None:
                weights = np.ones(len(counted))
                _gather(reviewed, (place, cell), counted, weights, whole, placed)
    _note_empty(places, options, regions if is_any_placed else (), issues)
    for region in regions:
        places.setdefault((REGION, region.name), [])
    kinds = ["everything", *options.by, REGION]
    return {
        group: Members(
            np.array(sorted(places[group]), dtype=np.intp), predicted.of(group), reviewed.of(group)
        )
        for group in sorted(places, key=lambda one: (kinds.index(one[0]), one[1]))
    }


def _note_empty(
    places: Mapping[Group, object],
    options: CountOptions,
    regions: Sequence[CountRegion],
    issues: IssueReport,
) -> None:
    """Note kinds of groups that no scene has, and regions that no scene touches."""
    for kind in options.by:
        if not any(kind == of_kind for of_kind, _ in places):
            detail = f"no scene has a {kind}, so count.by has nothing to tell apart"
            issues.add(f"count.by: {kind}", NO_GROUP, detail, set_aside=False)
    for name in dict.fromkeys(region.name for region in regions):
        if (REGION, name) not in places:
            detail = "it touches no scene. Are its coordinates in the order x, y (longitude first)?"
            issues.add(name, NO_SCENE, detail, set_aside=False)


def _regions_over(
    tile: SurveyTile, regions: Sequence[CountRegion], issues: IssueReport
) -> SceneRegions:
    size = tile.scene_width, tile.scene_height
    return SceneRegions(regions, tile.scene_id, tile.georeference, *size, issues)


def _gather(
    gathering: _Gathering,
    at: tuple[int, Window],
    shapes: Shapes,
    weights: FloatArray,
    whole: Sequence[Group],
    placed: SceneRegions,
) -> None:
    """Add the objects of a tile, at its place and in its cell, to its groups and their regions."""
    if not len(shapes):
        return
    place, cell = at
    gathering.add(whole, place, shapes.labels, weights)
    for name, mask in placed.holding(shapes, cell):
        inside = shapes.select(mask)
        gathering.add([(REGION, name)], place, inside.labels, weights[mask])
