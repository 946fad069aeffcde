"""Shapes as the labels that FiftyOne stores, in the form of the field's kind.

They are plain dictionaries: making `fiftyone.Detection` objects takes seven times as long.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from bson import ObjectId

from utils.shapes.formats import to_relative_points, to_relative_xywh
from utils.shapes.rings import rings_of_parts
from utils.shapes.shapes import ShapeKind, Shapes

Label = dict[str, Any]

# The type of a field of each kind, and the list in it.
FIELD_TYPES = {
    ShapeKind.DETECT: ("Detections", "detections"),
    ShapeKind.OBB: ("Polylines", "polylines"),
    ShapeKind.SEGMENT: ("Polylines", "polylines"),
    ShapeKind.CLASSIFY: ("Classification", None),
}


def label_of(
    shapes: Shapes, kind: ShapeKind, width: int, height: int, model_version: str | None = None
) -> Label | None:
    """The value of a field of a kind.

    A polygon has a ring for each part, with a cut of no width to each hole, since FiftyOne has no
    holes. An oriented box is a polygon of its corners.

    Args:
        shapes: Shapes of the kind in tile pixels, or none.
        kind: Kind of the dataset.
        width: Width of the tile, in pixels.
        height: Height of the tile, in pixels.
        model_version: Version of the detector, for shapes with scores.

    Returns:
        The value without the ids of its labels: the best class of an image, None without any.
    """
    if not kind.has_places:
        shapes = shapes.by_score().select(list(range(len(shapes)))[:1])
    labels = [
        {**label, "attributes": {}, "tags": [], "label": name}
        for label, name in zip(_places(shapes, kind, width, height), shapes.labels, strict=True)
    ]
    if shapes.scores is not None:
        for label, score in zip(labels, shapes.scores.tolist(), strict=True):
            label |= {"confidence": score, "model_version": model_version}
    field_type, many = FIELD_TYPES[kind]
    if many is None:
        return labels[0] if labels else None
    return {"_cls": field_type, many: labels}


def with_ids(label: Label) -> Label:
    """The value of a field with an id of its own for each label, as FiftyOne expects."""
    for many in ("detections", "polylines"):
        if many in label:
            return label | {many: [one | _new_id() for one in label[many]]}
    return label | _new_id()


def _new_id() -> Label:
    return {"_id": {"$oid": str(ObjectId())}}


def _places(shapes: Shapes, kind: ShapeKind, width: int, height: int) -> Iterator[Label]:
    """Yield each label with its place alone."""
    if not kind.has_places:
        yield from ({"_cls": "Classification"} for _ in shapes.labels)
    elif kind.is_upright:
        for share in to_relative_xywh(shapes.xyxy, width, height).tolist():
            yield {"_cls": "Detection", "bounding_box": share}
    else:
        # Filled boxes of a crowd would hide the picture, and those of kind detect are not filled.
        filled = not kind.is_oriented
        for rings in [] if shapes.outlines is None else rings_of_parts(shapes.outlines):
            points = [to_relative_points(ring, width, height).tolist() for ring in rings]
            yield {"_cls": "Polyline", "points": points, "closed": True, "filled": filled}
