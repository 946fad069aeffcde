"""The labelling configuration that Spyglass writes and understands."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from utils.annotation.label_studio.interface import interface_of, label_config
from utils.errors import LabelStudioError
from utils.shapes.shapes import ShapeKind

names = st.text(st.characters(blacklist_categories=["Cs", "Cc"]), min_size=1, max_size=20).filter(
    lambda name: name == name.strip()
)


@given(st.lists(names, min_size=1, max_size=20, unique=True), st.sampled_from(ShapeKind))
def test_kind_and_classes_survive_the_configuration_in_order(
    classes: list[str], kind: ShapeKind
) -> None:
    config = label_config(classes, kind)
    assert interface_of(config, "any") == (kind, tuple(classes))
    assert interface_of(config, "any", kind) == (kind, tuple(classes))


@pytest.mark.parametrize("wanted", ShapeKind)
@pytest.mark.parametrize("kind", ShapeKind)
def test_a_project_of_another_kind_is_refused_with_the_remedy(
    kind: ShapeKind, wanted: ShapeKind
) -> None:
    config = label_config(["ship"], kind)
    if kind == wanted:
        assert interface_of(config, "harbour", wanted)[0] == wanted
        return
    told = rf"'harbour' is made for {kind.noun} and not for {wanted.noun}\. Give another project"
    with pytest.raises(LabelStudioError, match=told):
        interface_of(config, "harbour", wanted)


def test_people_paint_polygons_in_the_same_classes() -> None:
    config = label_config(["ship", "buoy"], ShapeKind.SEGMENT)
    outlines, brushes = config.split("<BrushLabels")
    for control in (outlines, brushes):
        assert re.findall(r'<Label value="(\w+)"', control) == ["ship", "buoy"]


def test_an_image_has_one_class() -> None:
    assert 'choice="single-radio"' in label_config(["ship"], ShapeKind.CLASSIFY)


def test_every_class_has_a_colour_of_its_own() -> None:
    colours = re.findall(r'background="(#\w{6})"', label_config([str(n) for n in range(50)]))
    assert len(set(colours)) == 50


def test_the_image_can_be_zoomed_and_turned() -> None:
    config = label_config(["ship"])
    for feature in ('zoom="true"', 'zoomControl="true"', 'rotateControl="true"'):
        assert feature in config


def test_an_alias_is_what_annotations_carry() -> None:
    config = label_config(["ship"]).replace('value="ship"', 'value="A ship" alias="ship"')
    assert interface_of(config, "any") == (ShapeKind.DETECT, ("ship",))


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        pytest.param('name="label"', 'name="bbox"', 'RectangleLabels name="label"', id="control"),
        pytest.param("RectangleLabels", "EllipseLabels", "RectangleLabels", id="ellipses"),
        pytest.param('value="$image"', 'value="$img"', r"\$image", id="data key"),
        pytest.param('toName="image"', 'toName="other"', 'toName="image"', id="other image"),
    ],
)
def test_a_configuration_that_would_not_show_the_boxes_is_refused(
    old: str, new: str, named: str
) -> None:
    config = label_config(["ship"]).replace(old, new)
    with pytest.raises(LabelStudioError, match=f"'harbour' has no .*{named}"):
        interface_of(config, "harbour", ShapeKind.DETECT)
