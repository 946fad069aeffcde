"""Reviews and agreement of people with shapes of every kind."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.outlines import HEIGHT, WIDTH, shapes_of_kind
from utils.annotation.quality import agreement
from utils.dataset.review import ReviewState, ShapeChanges, shape_changes, state_of
from utils.shapes.outlines import oriented_boxes
from utils.shapes.shapes import ShapeKind, Shapes

DETECT, OBB, SEGMENT, CLASSIFY = ShapeKind


@pytest.mark.parametrize("kind", ShapeKind)
@given(data=st.data())
def test_what_is_left_alone_is_accepted_and_agreed_on(kind: ShapeKind, data: st.DataObject) -> None:
    shapes = data.draw(shapes_of_kind(kind))
    changes = shape_changes(shapes, shapes)
    assert changes == ShapeChanges(kept=len(shapes))
    assert state_of(changes) == ReviewState.ACCEPTED
    assert agreement(shapes, shapes).mean_iou == pytest.approx(1)


@pytest.mark.parametrize("kind", ShapeKind)
@given(data=st.data())
def test_what_gets_another_class_is_changed(kind: ShapeKind, data: st.DataObject) -> None:
    shapes = data.draw(shapes_of_kind(kind))
    others = replace(shapes, labels=("whale",) * len(shapes))
    assert shape_changes(shapes, others) == ShapeChanges(moved=len(shapes))
    assert state_of(shape_changes(shapes, others)) == ReviewState.CHANGED
    assert agreement(shapes, others).matched == 0


def turned(degrees: float) -> Shapes:
    box = oriented_boxes([(320, 240)], [(120, 40)], [degrees])
    return Shapes.of_outlines(box, ["ship"], kind=OBB)


def square(*holes: shapely.Polygon) -> Shapes:
    outline = shapely.box(100, 100, 200, 200)
    return Shapes.of_outlines([outline.difference(shapely.union_all(holes))], ["ship"])


@pytest.mark.parametrize(
    ("before", "after", "changes"),
    [
        pytest.param(
            turned(30), turned(30.2), ShapeChanges(kept=1), id="turned by next to nothing"
        ),
        pytest.param(turned(30), turned(40), ShapeChanges(moved=1), id="turned"),
        pytest.param(turned(30), turned(210), ShapeChanges(moved=1), id="the other heading"),
        pytest.param(
            turned(45), turned(135), ShapeChanges(added=1, removed=1), id="across, with one hull"
        ),
        pytest.param(
            square(), square(shapely.box(120, 120, 180, 180)), ShapeChanges(moved=1), id="a hole"
        ),
        pytest.param(
            square(), turned(0).brought_to(OBB), ShapeChanges(added=1, removed=1), id="elsewhere"
        ),
        pytest.param(
            Shapes.of_image(WIDTH, HEIGHT, "ship"),
            Shapes(kind=CLASSIFY),
            ShapeChanges(removed=1),
            id="no class",
        ),
    ],
)
def test_changes_of_place_are_told_by_the_outline(
    before: Shapes, after: Shapes, changes: ShapeChanges
) -> None:
    assert shape_changes(before, after) == changes


def test_people_who_draw_two_crossing_ships_agree_on_neither_with_one_another() -> None:
    assert np.array_equal(turned(45).xyxy.round(6), turned(135).xyxy.round(6))
    assert agreement(turned(45), turned(135)).matched == 0
