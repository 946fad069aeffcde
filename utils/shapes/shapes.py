"""The one type of labels: shapes with a class each and, for predictions, a score each.

Coordinates are absolute pixels, float, half-open, origin top left. Upright boxes stay in numpy;
polygons and oriented boxes have outlines beside their hulls (`utils.shapes.outlines`); the place of
a whole image's class is the image.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from utils.geometry import (
    BoolArray,
    FloatArray,
    Window,
    box_areas,
    clip_boxes,
    intersection_matrix,
    shift,
)
from utils.shapes.outlines import (
    Outlines,
    are_equal,
    areas_of,
    as_outlines,
    bounds_of,
    corners_of,
    least_rectangles,
    moved,
    of_boxes,
    of_corners,
    parts_inside,
    shared_areas,
)


class ShapeKind(StrEnum):
    """The kind of the labels of a dataset; its value is ultralytics' name of the task."""

    DETECT = "detect"
    OBB = "obb"
    SEGMENT = "segment"
    CLASSIFY = "classify"

    @property
    def has_outlines(self) -> bool:
        """Whether shapes of this kind are more than their hulls."""
        return self in (ShapeKind.OBB, ShapeKind.SEGMENT)

    @property
    def has_places(self) -> bool:
        """Whether shapes of this kind lie somewhere in the image, and are not its class."""
        return self is not ShapeKind.CLASSIFY

    @property
    def is_upright(self) -> bool:
        """Whether shapes of this kind are upright boxes, told by four numbers."""
        return self is ShapeKind.DETECT

    @property
    def is_oriented(self) -> bool:
        """Whether shapes of this kind are rectangles with a heading."""
        return self is ShapeKind.OBB

    @property
    def noun(self) -> str:
        """The shapes in words, in the plural."""
        return _NOUNS[self][1]

    @property
    def singular(self) -> str:
        """One shape in words."""
        return _NOUNS[self][0]

    def is_lesser_than(self, other: ShapeKind) -> bool:
        """Whether shapes of the other kind can be brought to this one."""
        order = (ShapeKind.DETECT, ShapeKind.OBB, ShapeKind.SEGMENT)
        return self in order and other in order and order.index(self) < order.index(other)


_NOUNS = {
    ShapeKind.DETECT: ("box", "boxes"),
    ShapeKind.OBB: ("oriented box", "oriented boxes"),
    ShapeKind.SEGMENT: ("polygon", "polygons"),
    ShapeKind.CLASSIFY: ("class", "classes of whole images"),
}


@dataclass(frozen=True, eq=False)
class Shapes:
    """Labelled shapes of one image, all of one kind.

    Attributes:
        xyxy: Hulls, float64 of shape (n, 4); the whole image for a class of the whole image.
        labels: The n class names.
        scores: Scores in [0, 1], float64 of shape (n,), or None for ground truth.
        outlines: Exact outlines, shape (n,), or None where each shape is its hull.
        kind: Kind of the shapes; it tells nothing where there are none.
    """

    xyxy: FloatArray = field(default_factory=lambda: np.zeros((0, 4)))
    labels: tuple[str, ...] = ()
    scores: FloatArray | None = None
    outlines: Outlines | None = None
    kind: ShapeKind = ShapeKind.DETECT

    def __post_init__(self) -> None:
        """Bring the arrays to their promised shape and check that their lengths agree."""
        xyxy = np.asarray(self.xyxy, dtype=np.float64).reshape(-1, 4)
        object.__setattr__(self, "xyxy", xyxy)
        object.__setattr__(self, "labels", tuple(self.labels))
        if self.scores is not None:
            scores = np.asarray(self.scores, dtype=np.float64).reshape(-1)
            object.__setattr__(self, "scores", scores)
        for name in ("labels", "scores", "outlines"):
            values = getattr(self, name)
            if values is not None and len(values) != len(xyxy):
                raise ValueError(f"{len(xyxy)} shapes with {len(values)} {name}")
        if len(xyxy) and self.kind.has_outlines != (self.outlines is not None):
            raise ValueError(
                f"{self.kind.noun} {'without' if self.outlines is None else 'with'} outlines"
            )

    @classmethod
    def of_outlines(
        cls,
        outlines: Sequence[Any] | Outlines,
        labels: Sequence[str],
        scores: FloatArray | None = None,
        kind: ShapeKind = ShapeKind.SEGMENT,
    ) -> Self:
        """Polygons, or oriented boxes, from their outlines."""
        found = as_outlines(outlines)
        return cls(bounds_of(found), tuple(labels), scores, found, kind)

    @classmethod
    def of_image(cls, width: float, height: float, label: str) -> Self:
        """The class of a whole image of `width` × `height` pixels."""
        xyxy = np.array([[0, 0, width, height]], dtype=np.float64)
        return cls(xyxy, (label,), kind=ShapeKind.CLASSIFY)

    @classmethod
    def concatenated(cls, parts: Sequence[Shapes]) -> Self:
        """All shapes of several sets of one kind, in order; they have scores if one set has.

        Raises:
            ValueError: If the sets are of several kinds.
        """
        filled = [part for part in parts if len(part)]
        kinds = {part.kind for part in filled or parts} or {ShapeKind.DETECT}
        if len(kinds) > 1 and filled:
            raise ValueError(f"shapes of several kinds: {', '.join(sorted(kinds))}")
        kind = min(kinds)
        is_scored = any(part.scores is not None for part in filled or parts)
        scores = np.concatenate([np.zeros(0), *(part.confidences for part in filled)])
        outlined = filled and kind.has_outlines
        return cls(
            np.vstack([np.zeros((0, 4)), *(part.xyxy for part in filled)]),
            tuple(label for part in filled for label in part.labels),
            scores if is_scored else None,
            np.concatenate([part.polygons for part in filled]) if outlined else None,
            kind,
        )

    def __len__(self) -> int:
        """The number of shapes."""
        return len(self.xyxy)

    def __eq__(self, other: object) -> bool:
        """Equal when kind, labels, scores and every coordinate are."""
        if not isinstance(other, Shapes):
            return NotImplemented
        if (self.scores is None) != (other.scores is None) or self.labels != other.labels:
            return False
        if not len(self):
            return True
        if self.scores is not None and not np.array_equal(self.scores, other.confidences):
            return False
        if self.kind != other.kind or not np.array_equal(self.xyxy, other.xyxy):
            return False
        return self.outlines is None or are_equal(self.outlines, other.polygons)

    def __hash__(self) -> int:
        """Consistent with equality."""
        return hash((self.xyxy.tobytes(), self.labels))

    @property
    def confidences(self) -> FloatArray:
        """Scores, shape (n,); 1 for ground truth."""
        return np.ones(len(self)) if self.scores is None else self.scores

    @property
    def polygons(self) -> Outlines:
        """Every shape as a polygon, shape (n,)."""
        return of_boxes(self.xyxy) if self.outlines is None else self.outlines

    @property
    def areas(self) -> FloatArray:
        """Areas in square pixels, shape (n,)."""
        return box_areas(self.xyxy) if self.outlines is None else areas_of(self.outlines)

    def select(self, chosen: ArrayLike) -> Self:
        """The shapes at `chosen`: a boolean mask of shape (n,), or indices in the order wanted."""
        index = np.asarray(chosen)
        positions = (
            np.flatnonzero(index) if index.dtype == np.bool_ else index.astype(np.intp).reshape(-1)
        )
        return replace(
            self,
            xyxy=self.xyxy[positions],
            labels=tuple(self.labels[i] for i in positions),
            scores=None if self.scores is None else self.scores[positions],
            outlines=None if self.outlines is None else self.outlines[positions],
        )

    def of_class(self, name: str) -> Self:
        """The shapes of one class."""
        return self.select(np.array([label == name for label in self.labels], dtype=bool))

    def by_score(self) -> Self:
        """The shapes by falling score; equal scores keep their order."""
        return self.select(np.argsort(-self.confidences, kind="stable"))

    def hulls(self) -> Self:
        """The hulls of the shapes, as upright boxes."""
        return replace(self, outlines=None, kind=ShapeKind.DETECT)

    def brought_to(self, kind: ShapeKind) -> Self:
        """The shapes as a lesser kind: polygons as oriented boxes, both as upright boxes.

        Raises:
            ValueError: If the kind is a greater one, or one of whole images.
        """
        if kind == self.kind:
            return self
        if not len(self):
            return replace(self, outlines=None, kind=kind)
        if self.outlines is None or not kind.is_lesser_than(self.kind):
            raise ValueError(f"{self.kind.noun} cannot become {kind.noun}")
        if kind == ShapeKind.DETECT:
            return self.hulls()
        rectangles = least_rectangles(self.outlines)
        return replace(self, xyxy=bounds_of(rectangles), outlines=rectangles, kind=kind)

    def shifted(self, dx: float, dy: float) -> Self:
        """The same shapes moved by (dx, dy) pixels, as from tile to scene coordinates."""
        outlines = None if self.outlines is None else moved(self.outlines, (1, 1), (dx, dy))
        return replace(self, xyxy=shift(self.xyxy, dx, dy), outlines=outlines)

    def scaled(self, across: float, down: float) -> Self:
        """The same shapes in an image resized by the factors `across` and `down`.

        An oriented box is no rectangle any more if the factors differ.
        """
        outlines = None if self.outlines is None else moved(self.outlines, (across, down), (0, 0))
        return replace(self, xyxy=self.xyxy * [across, down, across, down], outlines=outlines)

    def mirrored(self, width: float) -> Self:
        """The same shapes in an image of `width` pixels, left and right exchanged."""
        x1, y1, x2, y2 = self.xyxy.T
        xyxy = np.column_stack([width - x2, y1, width - x1, y2])
        outlines = None if self.outlines is None else moved(self.outlines, (-1, 1), (width, 0))
        if outlines is not None and self.kind == ShapeKind.OBB:
            # A mirror turns rings round; the last corner first, they are clockwise again.
            outlines = of_corners(corners_of(outlines)[:, ::-1])
        return replace(self, xyxy=xyxy, outlines=outlines)

    def clipped(self, bounds: tuple[float, float, float, float]) -> Self:
        """The parts of the shapes inside `bounds` (xyxy); a shape outside has no area.

        A cut oriented box becomes the rectangle of least area around the part that is left, which
        may reach over the bounds.
        """
        if self.outlines is None:
            return replace(self, xyxy=clip_boxes(self.xyxy, bounds))
        x1, y1, x2, y2 = bounds
        reaches = (self.xyxy[:, :2] < [x1, y1]) | (self.xyxy[:, 2:] > [x2, y2])
        cut = np.flatnonzero(reaches.any(axis=1))
        if not len(cut):
            return self
        outlines, xyxy = self.outlines.copy(), self.xyxy.copy()
        parts = parts_inside(outlines[cut], bounds)
        if self.kind == ShapeKind.OBB:
            parts = least_rectangles(parts, like=outlines[cut])
        outlines[cut], xyxy[cut] = parts, bounds_of(parts)
        return replace(self, xyxy=xyxy, outlines=outlines)

    def areas_inside(self, bounds: tuple[float, float, float, float]) -> FloatArray:
        """The area of each shape inside `bounds` (xyxy), in square pixels, shape (n,)."""
        if self.outlines is None:
            return box_areas(clip_boxes(self.xyxy, bounds))
        return areas_of(parts_inside(self.outlines, bounds))

    def visible_shares(self, window: Window) -> FloatArray:
        """The share of each shape's area inside a window, shape (n,); 0 for one without area."""
        areas, visible = self.areas, self.areas_inside(window.xyxy)
        return np.divide(visible, areas, out=np.zeros_like(areas), where=areas > 0)

    def intersections(self, other: Shapes) -> FloatArray:
        """The area that every pair of n and m shapes shares, in square pixels, shape (n, m)."""
        shared = intersection_matrix(self.xyxy, other.xyxy)
        if self.outlines is not None or other.outlines is not None:
            rows, columns = np.nonzero(shared > 0)
            shared[rows, columns] = shared_areas(self.polygons[rows], other.polygons[columns])
        return shared

    def overlaps(self, other: Shapes) -> FloatArray:
        """Intersection over union of every pair of n and m shapes, shape (n, m)."""
        shared = self.intersections(other)
        union = self.areas[:, None] + other.areas[None, :] - shared
        shares: FloatArray = np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)
        return shares

    def same_classes(self, other: Shapes) -> BoolArray:
        """Whether every pair of n and m shapes has one class, shape (n, m)."""
        own = np.array(self.labels, dtype=object)[:, None]
        return np.asarray(own == np.array(other.labels, dtype=object), dtype=np.bool_)
