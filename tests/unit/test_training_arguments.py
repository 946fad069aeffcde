"""Training arguments by kind of shapes, and names of weights."""

from __future__ import annotations

import pytest

from utils.detection.ultralytics.arguments import checked_arguments
from utils.detection.ultralytics.options import TrainingOptions
from utils.detection.ultralytics.weights_files import name_for
from utils.errors import ConfigurationError
from utils.shapes.shapes import ShapeKind

NOISE = {"name": "GaussNoise", "p": 0.5}


@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        pytest.param(
            ShapeKind.OBB, {"arguments": {"mask_ratio": 2}}, "no use of 'mask_ratio'", id="masks"
        ),
        pytest.param(
            ShapeKind.CLASSIFY,
            {"arguments": {"mosaic": 0.5, "degrees": 10, "erasing": 0.2}},
            "classes of whole images makes no use of 'degrees', 'mosaic'",
            id="boxes that move",
        ),
        pytest.param(
            ShapeKind.CLASSIFY,
            {"augmentations": [NOISE]},
            "no use of augmentations of Albumentations",
            id="augmentations that ultralytics leaves out",
        ),
    ],
)
def test_an_argument_without_an_effect_on_the_kind_is_refused(kind, options, message):
    with pytest.raises(ConfigurationError, match=message):
        checked_arguments(TrainingOptions.model_validate(options), kind)


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (ShapeKind.SEGMENT, "overlap_mask"),
        (ShapeKind.CLASSIFY, "erasing"),
        (ShapeKind.OBB, "mosaic"),
        (ShapeKind.DETECT, "mosaic"),
    ],
)
def test_an_argument_of_the_kind_is_accepted(kind, name):
    arguments = {name: True if name == "overlap_mask" else 0.5}
    assert checked_arguments(TrainingOptions(arguments=arguments), kind)[name] == arguments[name]


@pytest.mark.parametrize(
    ("wanted", "kind", "name"),
    [
        ("yolov8n.pt", ShapeKind.DETECT, "yolov8n.pt"),
        ("yolov8n.pt", ShapeKind.SEGMENT, "yolov8n-seg.pt"),
        ("yolo11s.yaml", ShapeKind.OBB, "yolo11s-obb.yaml"),
        ("yolov8n-seg.pt", ShapeKind.OBB, "yolov8n-seg.pt"),
        ("yolov8-cls-resnet50.yaml", ShapeKind.CLASSIFY, "yolov8-cls-resnet50.yaml"),
        ("./yolov8n.pt", ShapeKind.SEGMENT, "./yolov8n.pt"),
        ("gs://weights/yolov8n.pt", ShapeKind.SEGMENT, "gs://weights/yolov8n.pt"),
    ],
)
def test_the_name_of_a_detector_serves_every_kind(wanted, kind, name):
    assert name_for(wanted, kind) == name
