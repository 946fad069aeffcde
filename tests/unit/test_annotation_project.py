"""The labelling configuration that Spyglass writes and understands."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from utils.annotation.label_studio.project import class_names_of, label_config
from utils.errors import LabelStudioError

names = st.text(st.characters(blacklist_categories=["Cs", "Cc"]), min_size=1, max_size=20).filter(
    lambda name: name == name.strip()
)


@given(st.lists(names, min_size=1, max_size=20, unique=True))
def test_classes_survive_the_configuration_in_order(classes: list[str]) -> None:
    assert class_names_of(label_config(classes), "any") == tuple(classes)


def test_every_class_has_a_colour_of_its_own() -> None:
    colours = re.findall(r'background="(#\w{6})"', label_config([str(n) for n in range(50)]))
    assert len(set(colours)) == 50


def test_the_image_can_be_zoomed_and_turned() -> None:
    config = label_config(["ship"])
    for feature in ('zoom="true"', 'zoomControl="true"', 'rotateControl="true"'):
        assert feature in config


def test_an_alias_is_what_annotations_carry() -> None:
    config = label_config(["ship"]).replace('value="ship"', 'value="A ship" alias="ship"')
    assert class_names_of(config, "any") == ("ship",)


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        pytest.param('name="label"', 'name="bbox"', 'RectangleLabels name="label"', id="control"),
        pytest.param("RectangleLabels", "PolygonLabels", "RectangleLabels", id="polygons"),
        pytest.param('value="$image"', 'value="$img"', r"\$image", id="data key"),
        pytest.param('toName="image"', 'toName="other"', 'toName="image"', id="other image"),
    ],
)
def test_a_configuration_that_would_not_show_the_boxes_is_refused(
    old: str, new: str, named: str
) -> None:
    config = label_config(["ship"]).replace(old, new)
    with pytest.raises(LabelStudioError, match=f"'harbour' has no .*{named}"):
        class_names_of(config, "harbour")
