"""Any value in any field of any file that lists images is a report or one sentence."""

from __future__ import annotations

import base64
import io
import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from tests.builders import write_image
from tests.mutants import Specimen, fates
from tests.unit.scenes.reading import read
from tests.unit.scenes.test_scene_fuzzing import TASKS, values

SHARES = [0.1, 0.3, 0.2, 0.2]


def png() -> str:
    content = io.BytesIO()
    Image.fromarray(np.eye(9, dtype=np.uint8)).save(content, "PNG")
    return base64.b64encode(content.getvalue()).decode()


LISTINGS: dict[str, Any] = {
    "FiftyOne": {
        "samples": [
            {
                "filepath": "a.png",
                "tags": ["x"],
                "ground_truth": {
                    "_cls": "Detections",
                    "detections": [
                        {
                            "label": "ship",
                            "bounding_box": SHARES,
                            "mask": {"$binary": {"base64": "x"}},
                        },
                        {"label": "ship", "bounding_box": SHARES, "mask_path": "m.png"},
                    ],
                },
            },
            {"filepath": "a.png", "ground_truth": {"_cls": "Keypoints", "keypoints": []}},
        ]
    },
    "FiftyOne's table": {
        "classes": ["car", "ship"],
        "labels": {"a": [{"label": 1, "bounding_box": SHARES}], "b": {"label": 0}, "c": 1},
    },
    "Datumaro": {
        "categories": {"label": {"labels": [{"name": "ship"}]}},
        "items": [
            {
                "id": "a",
                "image": {"path": "a.png", "size": [48, 64]},
                "attr": {"x": 1},
                "annotations": [
                    {"type": "bbox", "label_id": 0, "bbox": [1, 2, 9, 9], "attributes": {"a": 1}},
                    {"type": "polygon", "label_id": 0, "points": [1, 1, 9, 1, 9, 9], "group": 1},
                    {"type": "mask", "label_id": 0, "rle": {"size": [2, 2], "counts": [1, 2, 1]}},
                    {"type": "ellipse", "label_id": 0, "points": [1, 2, 9, 9]},
                    {"type": "label", "label_id": 0},
                ],
            }
        ],
    },
    "VGG": {
        "_via_attributes": {"region": {"type": {"type": "radio", "options": {"ship": ""}}}},
        "_via_img_metadata": {
            "a": {
                "filename": "a.png",
                "file_attributes": {"x": "y"},
                "regions": [
                    {
                        "shape_attributes": {
                            "name": "polygon",
                            "all_points_x": [1, 9, 9],
                            "all_points_y": [1, 1, 9],
                        },
                        "region_attributes": {"type": "ship"},
                    },
                    {
                        "shape_attributes": {"name": "circle", "cx": 9, "cy": 9, "r": 4},
                        "region_attributes": {"type": {"ship": True}},
                    },
                ],
            }
        },
    },
    "labelme": {
        "imagePath": "a.png",
        "imageWidth": 64,
        "imageHeight": 48,
        "flags": {"x": True},
        "shapes": [
            {"label": "ship", "shape_type": "mask", "points": [[1, 1], [9, 9]], "mask": png()},
            {"label": "ship", "shape_type": "circle", "points": [[9, 9], [9, 5]]},
        ],
    },
    "MegaDetector": {
        "detection_categories": {"1": "animal"},
        "classification_categories": {"0": "deer"},
        "images": [
            {
                "file": "a.png",
                "detections": [
                    {
                        "category": "1",
                        "conf": 0.9,
                        "bbox": SHARES,
                        "classifications": [["0", 0.9]],
                    },
                    {"category": "1", "conf": 0.9, "bbox": SHARES, "classifications": [[]]},
                ],
            }
        ],
    },
    "Label Studio": [
        *TASKS,
        {
            "id": 2,
            "data": {"images": ["a.png", "b.png"]},
            "annotations": [
                {
                    "result": [
                        {"type": "choices", "value": {"choices": ["x"]}, "item_index": 1},
                        {
                            "type": "vectorlabels",
                            "to_name": "i",
                            "original_width": 64,
                            "original_height": 48,
                            "value": {
                                "vertices": [{"x": 1, "y": 1}, {"x": 9, "y": 9}, {"x": 1, "y": 9}],
                                "closed": True,
                                "vectorlabels": ["wake"],
                            },
                        },
                    ]
                }
            ],
        },
    ],
}
TABLE = "ship,1,2,30,20,a.png,64,48\ntug,1,1,9,9,a.png,64,48\n"
FILES = {
    **{name: ("labels.json", json.dumps(content)) for name, content in LISTINGS.items()},
    "makesense": ("labels.csv", TABLE),
}


def specimen(folder: Path, name: str) -> Specimen:
    if not (folder / "a.png").is_file():
        write_image(folder / "a.png")
    file, content = FILES[name]
    (folder / file).write_text(content)
    options = (("least_score", 0.2),) if name == "MegaDetector" else ()
    return Specimen("coco", folder, folder / file, content.encode(), options)


@pytest.mark.parametrize("name", FILES)
def test_no_mutant_of_a_listing_stops_a_reader(tmp_path, name):
    found = specimen(tmp_path, name)
    assert found.outcome_of(found.original) == "read"
    seen = list(fates(found, 25, seed=len(name)))
    strange = {fate: mutant for mutant, fate in seen if fate not in ("read", "refused")}
    assert strange == {}
    assert Counter(fate for _, fate in seen)["read"] > 0


def changed(draw: st.DrawFn, content: Any) -> Any:
    """A copy of a document in which some values are anything that JSON can hold."""
    content = json.loads(json.dumps(content))
    for _ in range(draw(st.integers(1, 3))):
        place = content
        while place:
            key = draw(
                st.sampled_from(list(place) if isinstance(place, dict) else range(len(place)))
            )
            inner = place[key]
            if not inner or not isinstance(inner, dict | list) or draw(st.integers(0, 5)) == 0:
                place[key] = draw(values)
                break
            place = inner
    return content


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
@pytest.mark.parametrize("name", LISTINGS)
def test_any_value_in_any_field_is_a_report_or_a_sentence(tmp_path, name, data):
    content = changed(data.draw, LISTINGS[name])
    found = specimen(tmp_path, name)
    assert found.outcome_of(json.dumps(content).encode()) in ("read", "refused")


@pytest.mark.parametrize(
    ("name", "place", "value"),
    [
        pytest.param("labelme", ("shapes", 1, "points", 0, 0), 10**30, id="a circle"),
        pytest.param("Datumaro", ("items", 0, "annotations", 3, "points", 2), 1e300, id="ellipse"),
        pytest.param("Label Studio", (1, "annotations", 0, "result", 0, "item_index"), [], id="at"),
        pytest.param(
            "Label Studio",
            (1, "annotations", 0, "result", 1, "value", "vertices", 0),
            True,
            id="a corner that is none",
        ),
        pytest.param(
            "MegaDetector", ("images", 0, "detections", 0, "classifications", 0), [], id="no class"
        ),
        pytest.param(
            "FiftyOne", ("samples", 0, "ground_truth", "_cls"), [], id="a class of labels"
        ),
    ],
)
def test_values_that_once_stopped_a_reader(tmp_path, name, place, value):
    content = json.loads(json.dumps(LISTINGS[name]))
    inner = content
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    found = specimen(tmp_path, name)
    assert found.outcome_of(json.dumps(content).encode()) in ("read", "refused")


def test_a_mask_of_labelme_is_an_outline(tmp_path):
    specimen(tmp_path, "labelme")
    found = read("coco", None, path=tmp_path).scenes[0].shapes
    assert found is not None
    assert found.outlines is not None
    assert found.outlines[0].area == 9  # the pixels of a diagonal
