"""Masks beside images: connected parts of mapped values are polygons."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from PIL import Image

from tests.unit.scenes.reading import open_kind, read
from utils.errors import ConfigurationError, SourceError
from utils.labels.objects import FOUND_BY_NAME, NO_IMAGE, NO_LABEL, UNKNOWN_CLASS
from utils.scenes.frames import OTHER_SIZE
from utils.shapes.shapes import Shapes

MAPPING = {1: "ship", 2: "buoy"}
RED, GREEN = (255, 0, 0), (0, 255, 0)


def written(root: Path, mask: Image.Image, name: str = "a", size: Any = None) -> Path:
    for folder in ("images", "masks"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size or mask.size).save(root / "images" / f"{name}.png")
    mask.save(root / "masks" / f"{name}.png")
    return root


def numbers() -> np.ndarray:
    values = np.zeros((40, 60), dtype=np.uint8)
    values[5:15, 10:30] = 1
    values[8:10, 15:20] = 0  # a hole
    values[20:30, 40:50] = 1
    values[30:35, 0:10] = 2
    return values


def palette() -> Image.Image:
    image = Image.fromarray(numbers(), mode="P")
    image.putpalette([0, 0, 0, *RED, *GREEN])
    return image


def colours() -> Image.Image:
    table = np.array([(0, 0, 0), RED, GREEN], dtype=np.uint8)
    return Image.fromarray(table[numbers()])


def shapes(root: Path, **options: Any) -> Shapes:
    (scene,) = read("masks", None, path=root, **options).scenes
    assert scene.shapes is not None
    return scene.shapes


HEX = {"FF0000": "ship", "#00ff00": "buoy"}


@pytest.mark.parametrize(
    ("mask", "mapping"),
    [
        pytest.param(Image.fromarray(numbers()), MAPPING, id="numbers"),
        pytest.param(palette(), MAPPING, id="numbers of a palette"),
        pytest.param(palette(), HEX, id="colours of a palette"),
        pytest.param(colours(), HEX, id="colours"),
        pytest.param(Image.fromarray(numbers()).convert("RGB"), MAPPING, id="grey as colours"),
    ],
)
def test_connected_parts_of_a_value_are_objects_of_its_class(tmp_path, mask, mapping):
    found = shapes(written(tmp_path / "s", mask), mapping=mapping)
    assert found.labels == ("ship", "ship", "buoy") or found.labels == ("buoy", "ship", "ship")
    assert sorted(found.areas.tolist()) == [50, 100, 190]
    assert sum(len(one.interiors) for one in found.polygons) == 1


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(npst.arrays(np.uint8, (6, 7), elements=st.integers(0, 2)))
def test_outlines_cover_exactly_the_pixels_of_their_class(tmp_path, values):
    found = shapes(written(tmp_path / "s", Image.fromarray(values)), mapping=MAPPING)
    for value, name in MAPPING.items():
        pixels = [shapely.box(x, y, x + 1, y + 1) for y, x in np.argwhere(values == value)]
        drawn = shapely.union_all(found.of_class(name).polygons)
        assert drawn.symmetric_difference(shapely.union_all(pixels)).area == 0


def test_values_without_a_class_are_told_unless_they_are_no_object(tmp_path):
    values = numbers()
    values[0, 0] = 255
    root = written(tmp_path / "s", Image.fromarray(values))
    reading = read("masks", None, path=root, mapping=MAPPING)
    assert reading.kinds == {UNKNOWN_CLASS: 1}
    assert "the value 255 is not in the mapping" in reading.report.issues[0].detail
    assert not read("masks", None, path=root, mapping={**MAPPING, 255: None}).kinds


def test_every_value_is_of_the_only_class(tmp_path):
    root = written(tmp_path / "s", Image.fromarray(numbers()))
    assert shapes(root, classes=["ship"]).labels == ("ship",) * 3
    with pytest.raises(ConfigurationError, match="need a `mapping`"):
        open_kind("masks", path=root)


@pytest.mark.parametrize("size", [(61, 40), (40, 60)])
def test_a_mask_of_another_size_is_left_out_with_its_scene_unlabelled(tmp_path, size):
    root = written(tmp_path / "s", Image.fromarray(numbers()), size=size)
    reading = read("masks", None, path=root, mapping=MAPPING)
    assert reading.scenes[0].shapes is None
    assert reading.kinds == {OTHER_SIZE: 1}
    assert reading.lost == (3, 3)


def test_masks_are_matched_by_their_names(tmp_path):
    root = tmp_path / "s"
    for name in ("a", "b", "0011_20200306", "bare"):
        written(root, Image.fromarray(numbers()), name)
    (root / "masks" / "b.png").rename(root / "masks" / "b_mask.png")
    (root / "masks" / "0011_20200306.png").rename(root / "masks" / "0011.png")
    (root / "masks" / "bare.png").rename(root / "masks" / "other.png")
    reading = read("masks", None, path=root, mapping=MAPPING)
    assert [len(scene.shapes or ()) for scene in reading.scenes] == [3, 3, 3, 0]
    assert reading.kinds == {FOUND_BY_NAME: 1, NO_LABEL: 1, NO_IMAGE: 1}


def test_a_mapping_may_be_a_file(tmp_path):
    root = written(tmp_path / "s", colours())
    (root / "classes.yaml").write_text('FF0000: "ship"\n00FF00: buoy\n')
    assert set(shapes(root, mapping="classes.yaml").labels) == {"ship", "buoy"}
    (root / "classes.yaml").write_text("- ship\n")
    with pytest.raises(SourceError, match="is no mapping of values to classes"):
        open_kind("masks", path=root, mapping="classes.yaml")


@pytest.mark.parametrize(
    ("mask", "mapping", "message"),
    [
        pytest.param(colours(), MAPPING, "the mask holds colours", id="colours as numbers"),
        pytest.param(
            Image.fromarray(numbers()), HEX, "the mask holds numbers", id="numbers as colours"
        ),
    ],
)
def test_a_mask_of_the_other_form_is_told(tmp_path, mask, mapping, message):
    reading = read("masks", None, path=written(tmp_path / "s", mask), mapping=mapping)
    assert message in reading.report.issues[0].detail
    assert reading.scenes[0].shapes is None


def test_keys_that_are_neither_numbers_nor_colours_are_refused(tmp_path):
    root = written(tmp_path / "s", colours())
    with pytest.raises(ConfigurationError, match=re.escape("the mapping has the keys red, 1")):
        open_kind("masks", path=root, mapping={"red": "ship", 1: "buoy"})
