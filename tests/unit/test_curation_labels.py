"""Shapes of every kind to FiftyOne's labels and back, with the score of each."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.outlines import HEIGHT, WIDTH, shapes_of_kind
from utils.curation.labels import label_of, with_ids
from utils.geometry import FloatArray
from utils.shapes.outlines import corners_of
from utils.shapes.rings import outline_of_ring
from utils.shapes.shapes import ShapeKind, Shapes

PIXELS = 0.01


def read(value: dict[str, Any], kind: ShapeKind) -> Shapes:
    """The shapes of a field as FiftyOne shows them."""
    if kind == ShapeKind.CLASSIFY:
        return Shapes.of_image(WIDTH, HEIGHT, value["label"])
    labels = value["detections" if kind == ShapeKind.DETECT else "polylines"]
    names = [label["label"] for label in labels]
    if kind == ShapeKind.DETECT:
        shares = np.array([label["bounding_box"] for label in labels])
        corners = shares[:, :2], shares[:, :2] + shares[:, 2:]
        return Shapes(np.hstack(corners) * [WIDTH, HEIGHT, WIDTH, HEIGHT], tuple(names))
    return Shapes.of_outlines([outline_of(label["points"]) for label in labels], names, kind=kind)


def outline_of(rings: list[list[tuple[float, float]]]) -> shapely.Geometry:
    parts = [outline_of_ring(np.array(ring) * [WIDTH, HEIGHT]) for ring in rings]
    return parts[0] if len(parts) == 1 else shapely.MultiPolygon(parts)


@pytest.mark.parametrize("kind", ShapeKind)
@given(data=st.data())
def test_every_kind_is_shown_where_it_is(kind: ShapeKind, data: st.DataObject) -> None:
    shapes = data.draw(shapes_of_kind(kind))
    value = label_of(shapes, kind, WIDTH, HEIGHT)
    assert value is not None
    back = read(json.loads(json.dumps(value)), kind)
    assert back.labels == shapes.labels
    np.testing.assert_allclose(back.xyxy, shapes.xyxy, atol=PIXELS)
    assert (shapely.hausdorff_distance(back.polygons, shapes.polygons) < PIXELS).all()
    np.testing.assert_allclose(back.areas, shapes.areas, rtol=1e-6, atol=PIXELS)
    if kind == ShapeKind.OBB:
        np.testing.assert_allclose(
            corners_of(back.polygons), corners_of(shapes.polygons), atol=PIXELS
        )


@pytest.mark.parametrize("kind", ShapeKind)
@given(data=st.data())
def test_a_prediction_has_scores_a_model_version_and_ids_of_its_own(
    kind: ShapeKind, data: st.DataObject
) -> None:
    shapes = data.draw(shapes_of_kind(kind))
    scores: FloatArray = np.linspace(0.9, 0.5, len(shapes), dtype=np.float64)
    value = label_of(replace(shapes, scores=scores), kind, WIDTH, HEIGHT, "7")
    assert value is not None
    written = with_ids(value)
    labels: list[Any] = written.get("detections") or written.get("polylines") or [written]
    assert [label["confidence"] for label in labels] == scores.tolist()
    assert {label["model_version"] for label in labels} == {"7"}
    assert len({label["_id"]["$oid"] for label in labels}) == len(shapes)


@pytest.mark.parametrize("kind", ShapeKind)
def test_a_tile_without_shapes_has_an_empty_field_of_its_kind(kind: ShapeKind) -> None:
    value = label_of(Shapes(), kind, WIDTH, HEIGHT)
    many = {"detect": "detections", "obb": "polylines", "segment": "polylines"}.get(kind)
    assert value == (None if many is None else {"_cls": many.title(), many: []})


def test_an_image_shows_the_best_of_several_classes() -> None:
    xyxy = np.array([(0.0, 0, WIDTH, HEIGHT)] * 2)
    kind = ShapeKind.CLASSIFY
    found = Shapes(xyxy, ("ship", "buoy"), np.array([0.2, 0.7]), kind=kind)
    value = label_of(found, kind, WIDTH, HEIGHT)
    assert value is not None
    assert (value["label"], value["confidence"]) == ("buoy", 0.7)
