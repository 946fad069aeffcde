"""Faults of the shapes of one tile."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from utils.dataset.labeled import LabeledTile
from utils.geometry import BoolArray, FloatArray
from utils.issues import IssueReport
from utils.shapes.cleaning import MENDED, cleaned
from utils.shapes.shapes import Shapes

UNKNOWN_CLASS = "class unknown"

_SAME_BOX_IOU = 0.99
# Percentages with few digits put a box this far over the edge without anyone having meant it.
_UNMEANT_PIXELS = 0.5


def checked_boxes(tile: LabeledTile, class_names: Collection[str], issues: IssueReport) -> Shapes:
    """The boxes of a tile that can be learned from.

    Left out are shapes that are unusable (see `utils.shapes.cleaning`), of an unknown class, or
    there twice; a shape that reaches over the edge is clipped.

    Args:
        tile: Its boxes are in tile coordinates.
        class_names: The known classes.
        issues: Receives what was found.
    """
    known = _of_known_class(tile, tile.shapes, class_names, issues)
    usable = _clipped(tile, _usable(tile, known, issues), issues)
    return _distinct(tile, usable, issues)


def _of_known_class(
    tile: LabeledTile, shapes: Shapes, class_names: Collection[str], issues: IssueReport
) -> Shapes:
    for label in sorted(set(shapes.labels) - set(class_names)):
        count = shapes.labels.count(label)
        detail = f"{count} of class '{label}', which is not one of {', '.join(class_names)}"
        issues.add(tile.tile_id, UNKNOWN_CLASS, detail, set_aside=False)
    return shapes.select(np.array([label in class_names for label in shapes.labels], dtype=bool))


def _usable(tile: LabeledTile, shapes: Shapes, issues: IssueReport) -> Shapes:
    found = cleaned(shapes, tile.window.width, tile.window.height)
    for fault in found.unusable:
        kind = f"{shapes.kind.singular} {'twice' if fault.is_double else 'unusable'}"
        detail = "is there before" if fault.is_double else fault.problem
        shown = _shown(shapes.xyxy[fault.index])
        issues.add(tile.tile_id, kind, f"{shown} {detail}", set_aside=False)
    for mended, count in found.mended.items():
        detail = f"{count} of its {shapes.kind.noun}: {MENDED[mended]}"
        issues.add(tile.tile_id, mended, detail, set_aside=False)
    return found.shapes


def _clipped(tile: LabeledTile, shapes: Shapes, issues: IssueReport) -> Shapes:
    # An oriented box that was clipped before reaches over the edge and stays as it is.
    clipped = shapes.clipped((0, 0, tile.window.width, tile.window.height))
    beyond = np.abs(shapes.xyxy - clipped.xyxy) > _UNMEANT_PIXELS
    kind = f"{shapes.kind.singular} reaches over the edge"
    for box in shapes.xyxy[beyond.any(axis=1)]:
        issues.add(tile.tile_id, kind, f"{_shown(box)} was clipped", set_aside=False)
    return clipped


def _distinct(tile: LabeledTile, shapes: Shapes, issues: IssueReport) -> Shapes:
    repeated, kind = _repeats(shapes), f"{shapes.kind.singular} twice"
    for box in shapes.xyxy[repeated]:
        issues.add(tile.tile_id, kind, f"{_shown(box)} is there before", set_aside=False)
    return shapes.select(~repeated)


def _repeats(shapes: Shapes) -> BoolArray:
    """True for each box that coincides with an earlier one of its class, shape (n,)."""
    same = (shapes.overlaps(shapes) >= _SAME_BOX_IOU) & shapes.same_classes(shapes)
    return np.asarray(np.tril(same, k=-1).any(axis=1))


def _shown(box: FloatArray) -> str:
    return f"({', '.join(f'{value:.1f}' for value in box)})"
