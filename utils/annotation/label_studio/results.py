"""Shapes as the results of Label Studio, checked first, since Label Studio accepts anything."""

from __future__ import annotations

import hashlib
from typing import Any

from utils.annotation.label_studio.image_regions import Result, mended, problems_of, regions_in
from utils.issues import Issue
from utils.shapes.outlines import to_wkb
from utils.shapes.shapes import Shapes
from utils.tiling.tile import Tile


def places_and_labels(shapes: Shapes) -> list[Any]:
    """The parts of a fingerprint of shapes: hulls, classes and, where there are any, outlines."""
    known: list[Any] = [shapes.xyxy.tolist(), list(shapes.labels)]
    if shapes.outlines is not None:
        known.append([hashlib.sha256(one).hexdigest() for one in to_wkb(shapes.outlines)])
    return known


def sendable(tile: Tile, shapes: Shapes) -> tuple[Shapes, tuple[Issue, ...]]:
    """The usable shapes, and the faults of the others.

    Boxes and polygons are clipped to the tile. An oriented box may reach over the edge, as one that
    was cut there does.
    """
    noun = shapes.kind.singular
    shapes, crossing = mended(shapes)
    problems = dict(problems_of(shapes, tile.window.width, tile.window.height))
    issues = [
        Issue(tile.tile_id, f"unusable {noun}", f"{noun} {index} {problem}", set_aside=False)
        for index, problem in problems.items()
    ]
    if crossing:
        detail = f"{crossing} {shapes.kind.noun} cross themselves; the parts they enclose were sent"
        issues.append(Issue(tile.tile_id, f"{noun} that crosses itself", detail, set_aside=False))
    kept = shapes
    if problems:
        kept = shapes.select([index for index in range(len(shapes)) if index not in problems])
    if shapes.kind.is_oriented or not shapes.kind.has_places:
        return kept, tuple(issues)
    clipped = kept.clipped((0, 0, tile.window.width, tile.window.height))
    beyond = int((clipped.xyxy != kept.xyxy).any(axis=1).sum())
    if beyond:
        detail = f"{beyond} {shapes.kind.noun} reached over the edge and were clipped"
        issues.append(Issue(tile.tile_id, f"{noun} beyond the tile", detail, set_aside=False))
    return clipped, tuple(issues)


def results_of(tile: Tile, shapes: Shapes, name: str) -> list[Result]:
    """Shapes of a tile as regions whose ids begin with `name`; see `regions_in`."""
    return regions_in((tile.window.width, tile.window.height), shapes, name)
