"""Whatever a label file holds, a reader gives a report or one sentence to the user."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.builders import write_image
from tests.mutants import Specimen, fates

COCO = {
    "images": [{"id": 1, "file_name": "a.png", "width": 64, "height": 48, "location": "x"}],
    "annotations": [
        {"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 2, 30, 20], "iscrowd": 0},
        {"id": 2, "image_id": 1, "category_id": 2, "segmentation": [[1, 1, 9, 1, 9, 9]]},
        {
            "id": 3,
            "image_id": 1,
            "category_id": 2,
            "segmentation": {"counts": "0a4", "size": [9, 9]},
        },
        {
            "id": 4,
            "image_id": 1,
            "category_id": 1,
            "bbox": [9, 9, 9, 9],
            "attributes": {"rotation": 7},
        },
    ],
    "categories": [{"id": 1, "name": "ship"}, {"id": 2, "name": "tug", "supercategory": "ship"}],
}
_BOX = {"x": 10, "y": 20, "width": 30, "height": 20, "rotation": 7, "rectanglelabels": ["ship"]}
_OUTLINE = {"points": [[1, 1], [9, 1], [9, 9]], "polygonlabels": ["tug"]}
_DRAWN_ON = {"original_width": 64, "original_height": 48, "image_rotation": 0}
TASKS = [
    {
        "id": 1,
        "data": {"image": "/data/local-files/?d=a.png"},
        "annotations": [
            {
                "was_cancelled": False,
                "result": [
                    {"type": "rectanglelabels", "value": _BOX, **_DRAWN_ON},
                    {"type": "polygonlabels", "value": _OUTLINE, **_DRAWN_ON},
                ],
            }
        ],
    }
]
VOC = """<?xml version="1.0"?><annotation><filename>a.png</filename><path>/x/a.png</path>
<source><database>Unknown</database></source><size><width>64</width><height>48</height></size>
<object><name>ship</name><bndbox><xmin>1</xmin><ymin>2</ymin><xmax>30</xmax><ymax>20</ymax></bndbox>
<attributes><attribute><name>rotation</name><value>30</value></attribute></attributes></object>
<object><name>tug</name><robndbox><cx>9</cx><cy>9</cy><w>4</w><h>4</h><angle>1</angle></robndbox>
</object><object><name>x</name><polygon><x1>1</x1><y1>1</y1><x2>9</x2><y2>9</y2></polygon></object>
</annotation>"""
CVAT = """<annotations><image id="0" name="a.png" subset="x" width="64" height="48">
<box label="ship" xtl="1" ytl="2" xbr="30" ybr="20" rotation="12"/><tag label="day"/>
<polygon label="tug" points="1,1;9,1;9,9"/><mask label="m" rle="1,2" left="1" top="1" width="5"
height="5"/><ellipse label="e" cx="9" cy="9" rx="4" ry="2"/></image></annotations>"""
YOLO = "0 0.5 0.5 0.2 0.2\n1 0.1 0.1 0.9 0.1 0.9 0.9\nship 0.2 0.4 0.2 0.2 0.91\n"
DATA_YAML = "path: .\ntrain: train.txt\nnames: {0: ship, 1: tug}\nkpt_shape: [4, 3]\nx: &a [1]\n"
FILES = {
    "COCO": ("coco", "coco.json", json.dumps(COCO)),
    "Label Studio": ("coco", "project.json", json.dumps(TASKS)),
    "VOC": ("voc", "a.xml", VOC),
    "CVAT": ("voc", "annotations.xml", CVAT),
    "YOLO": ("yolo", "a.txt", YOLO),
    "data.yaml": ("yolo", "data.yaml", DATA_YAML),
    "a list of images": ("yolo", "train.txt", "./a.png\nC:\\x\\a.png\n"),
    "class names": ("yolo", "classes.txt", "ship\ntug\n"),
}
MUTANTS_OF_EACH = 45


def specimen(folder: Path, name: str) -> Specimen:
    """A source of one image, of which the file under a name of `FILES` is to be changed."""
    kind, file, content = FILES[name]
    if not (folder / "a.png").is_file():
        write_image(folder / "a.png")
    (folder / file).write_text(content)
    if kind == "yolo":
        for other, text in (("a.txt", YOLO), ("data.yaml", DATA_YAML), ("train.txt", "a.png")):
            if other != file and (name, other) != ("class names", "data.yaml"):
                (folder / other).write_text(text)
    return Specimen(kind, folder, folder / file, content.encode())


@pytest.mark.parametrize("name", FILES)
def test_a_file_as_it_should_be_is_read(tmp_path, name):
    found = specimen(tmp_path, name)
    assert found.outcome_of(found.original) == "read"


@pytest.mark.parametrize("name", FILES)
def test_no_mutant_of_a_label_file_stops_a_reader(tmp_path, name):
    seen = list(fates(specimen(tmp_path, name), MUTANTS_OF_EACH, seed=len(name)))
    strange = {fate: mutant for mutant, fate in seen if fate not in ("read", "refused")}
    assert strange == {}
    assert Counter(fate for _, fate in seen)["read"] > 0


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)


@st.composite
def coco_documents(draw: st.DrawFn) -> dict[str, object]:
    """COCO of which some values are anything that JSON can hold."""
    content = json.loads(json.dumps(COCO))
    for _ in range(draw(st.integers(1, 4))):
        place = content
        while True:
            keys = list(place) if isinstance(place, dict) else list(range(len(place)))
            key = draw(st.sampled_from(keys))
            inner = place[key]
            if not inner or not isinstance(inner, dict | list) or draw(st.integers(0, 3)) == 0:
                place[key] = draw(values)
                break
            place = inner
        if not content:
            break
    return content


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(coco_documents())
def test_any_value_in_any_field_of_coco_is_a_report_or_a_sentence(tmp_path, content):
    found = specimen(tmp_path, "COCO")
    assert found.outcome_of(json.dumps(content).encode()) in ("read", "refused")


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(max_size=60))
def test_any_text_in_a_yolo_label_is_a_report_or_a_sentence(tmp_path, text):
    found = specimen(tmp_path, "YOLO")
    assert found.outcome_of(text.encode("utf-8", "surrogatepass")) in ("read", "refused")
