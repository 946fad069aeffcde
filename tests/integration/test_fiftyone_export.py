"""An export of FiftyOne itself comes back as a source."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.builders import write_image
from tests.unit.scenes.reading import read
from utils.scenes.kinds import find_kind
from utils.shapes.shapes import ShapeKind

MASK = np.zeros((20, 40), dtype=bool)
MASK[:, 20:] = True


@pytest.fixture
def dataset(dataset_name: str, tmp_path: Path):
    """A sample with a box, a mask, a polyline, a class, predictions and tags."""
    import fiftyone as fo

    sample = fo.Sample(str(write_image(tmp_path / "a.png", 200, 100)), tags=["night"])
    box = {"label": "ship", "bounding_box": [0.1, 0.3, 0.2, 0.2]}
    sample["ground_truth"] = fo.Detections(
        detections=[fo.Detection(**box), fo.Detection(**box | {"label": "buoy"}, mask=MASK)]
    )
    corners = [[(0.1, 0.3), (0.3, 0.3), (0.3, 0.5)]]
    sample["fields"] = fo.Polylines(
        polylines=[fo.Polyline(label="field", points=corners, closed=True, filled=True)]
    )
    sample["scene"] = fo.Classification(label="harbour")
    sample["found"] = fo.Detections(detections=[fo.Detection(**box, confidence=0.5)])
    dataset = fo.Dataset(dataset_name)
    dataset.add_sample(sample)
    return dataset


def test_its_own_format_comes_back(dataset, tmp_path: Path):
    import fiftyone as fo

    folder = tmp_path / "export"
    dataset.export(str(folder), dataset_type=fo.types.FiftyOneDataset)
    assert find_kind(str(folder)).kind == "coco"
    reading = read("fiftyone", ShapeKind.DETECT, path=folder)
    assert reading.labels() == ("ship", "buoy")
    assert reading.boxes() == [pytest.approx([20, 30, 60, 50]), pytest.approx([40, 30, 60, 50])]
    assert "night" in reading.scenes[0].tags
    fields = read("fiftyone", ShapeKind.SEGMENT, path=folder, label_field="fields")
    assert fields.labels() == ("field",)
    assert read("fiftyone", None, path=folder, label_field="scene").labels() == ("harbour",)


@pytest.mark.parametrize(
    ("kind", "field", "labels"),
    [
        ("FiftyOneImageDetectionDataset", "ground_truth", {"ship", "buoy"}),
        ("FiftyOneImageClassificationDataset", "scene", {"harbour"}),
        ("COCODetectionDataset", "ground_truth", {"ship", "buoy"}),
        ("VOCDetectionDataset", "ground_truth", {"ship", "buoy"}),
        ("CVATImageDataset", "ground_truth", {"ship", "buoy"}),
        ("YOLOv5Dataset", "ground_truth", {"ship", "buoy"}),
    ],
)
def test_the_formats_that_it_writes_come_back(dataset, tmp_path: Path, kind, field, labels):
    import fiftyone as fo

    folder = tmp_path / "export"
    dataset.export(str(folder), dataset_type=getattr(fo.types, kind), label_field=field)
    reading = read("fiftyone", None, path=folder)
    assert set(reading.labels()) == labels
    assert reading.lost == (0, 0)
