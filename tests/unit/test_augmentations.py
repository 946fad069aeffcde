"""Augmentations are checked, and tried, before anything runs; images and boxes get them."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import numpy as np
import pytest
from pydantic import ValidationError

from utils.detection.augmentations import as_arguments, build_augmentations, names_of
from utils.detection.ultralytics.library import load_ultralytics
from utils.detection.ultralytics.options import TrainingOptions

SIZE = 64
FLIP = {"name": "HorizontalFlip", "p": 1}
SOME = [
    {"name": "RandomBrightnessContrast", "p": 0.3, "brightness_limit": [-0.1, 0.2]},
    {"name": "OneOf", "p": 0.5, "transforms": [{"name": "Blur"}, {"name": "RandomRotate90"}]},
]


@pytest.mark.parametrize(
    ("augmentation", "message"),
    [
        pytest.param({"p": 0.3}, "a mapping with a name", id="no name"),
        pytest.param(
            {"name": "RandomBrightnesContrast"},
            "did you mean 'RandomBrightnessContrast'",
            id="misspelt name",
        ),
        pytest.param(
            {"name": "Blur", "blur_limits": 3}, "Blur: .*did you mean 'blur_limit'", id="argument"
        ),
        pytest.param({"name": "Blur", "p": 3}, "Blur: p: .*less than or equal to 1", id="value"),
        pytest.param({"name": "RandomCrop"}, "RandomCrop: height: Field required", id="missing"),
        pytest.param(
            {"name": "OneOf", "transforms": [{"name": "Blurr"}]}, "did you mean 'Blur'", id="nested"
        ),
        pytest.param({"name": "OneOf", "transforms": "Blur"}, "a mapping", id="no list"),
        pytest.param(
            {"name": "RandomCrop", "height": 32, "width": 32, "p": 0.001},
            "have to stay 64 x 64 pixels",
            id="another size, however seldom",
        ),
        pytest.param({"name": "Normalize"}, "of 8 bits", id="another type"),
        pytest.param({"name": "MaskDropout"}, "cannot be used in training", id="needs a mask"),
        pytest.param({"name": "FDA"}, "cannot be used in training", id="needs other images"),
    ],
)
def test_what_cannot_be_applied_is_refused_by_the_configuration(augmentation, message):
    with pytest.raises(ValidationError, match=message):
        TrainingOptions(imgsz=SIZE, augmentations=(augmentation,))


def test_a_list_survives_a_checkpoint_and_a_card(local_state):
    load_ultralytics()
    from ultralytics.data.augment import Albumentations

    arguments = as_arguments(SOME, SIZE)
    assert names_of(arguments) == ["RandomBrightnessContrast (0.3)", "OneOf (0.5)"]
    applied = Albumentations(transforms=json.loads(json.dumps(arguments))).transform
    assert [str(one) for one in applied] == [str(one) for one in build_augmentations(SOME, SIZE)]


def test_the_list_has_a_place_of_its_own():
    with pytest.raises(ValidationError, match="write 'augmentations' beside 'arguments'"):
        TrainingOptions(arguments={"augmentations": []})


def test_ultralytics_moves_boxes_with_their_pixels(local_state):
    load_ultralytics()
    from ultralytics.data.augment import Albumentations
    from ultralytics.utils.instance import Instances

    image = np.zeros((SIZE, SIZE, 3), dtype=np.uint8)
    image[8:16, 0:24] = 255
    box = np.array([[0, 8, 24, 16]], dtype=np.float32)
    segments = np.zeros((0, 1000, 2), dtype=np.float32)
    instances = Instances(box, segments, bbox_format="xyxy", normalized=False)
    labels = {"img": image, "cls": np.zeros((1, 1)), "instances": instances}

    augmented = Albumentations(transforms=as_arguments([FLIP], SIZE))(labels)

    rows, columns = np.nonzero(augmented["img"][..., 0])
    augmented["instances"].convert_bbox("xyxy")
    augmented["instances"].denormalize(SIZE, SIZE)
    seen = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
    assert augmented["instances"].bboxes.tolist() == [pytest.approx(seen, abs=1e-3)]


@pytest.mark.slow
def test_importing_the_library_asks_nobody_for_a_newer_one():
    code = (
        "import socket\n"
        "from utils.detection.augmentations import as_arguments\n"
        "def refuse(*_): raise SystemExit('it looks for a network')\n"
        "socket.socket.connect = socket.getaddrinfo = refuse\n"
        "as_arguments([{'name': 'Blur'}], 32)"
    )
    chosen = {name: value for name, value in os.environ.items() if "ALBUMENTATIONS" not in name}
    subprocess.run([sys.executable, "-c", code], check=True, env=chosen)
