"""Albumentations change what a training sees, and nothing that judges it."""

from __future__ import annotations

import json

import mlflow
from PIL import Image, ImageStat

from tests.fixtures.detector import tiny_options, write_tiny_dataset
from utils.detection.detector import Detector
from utils.detection.ultralytics.train import train_detector

BLACK = {"name": "RandomBrightnessContrast", "brightness_limit": [-1, -1], "p": 1}


def brightness(path):
    """The median, which the boxes and names drawn into a plot hardly change."""
    with Image.open(path) as image:
        return ImageStat.Stat(image.convert("L")).median[0]


def test_training_images_are_augmented_and_those_of_validation_are_not(tracking, tmp_path):
    options = tiny_options(
        epochs=1,
        arguments={"plots": True, "mosaic": 0.0, "hsv_v": 0.0, "scale": 0.0, "translate": 0.0},
        augmentations=(BLACK,),
    )
    detector = train_detector(write_tiny_dataset(tmp_path), options, tracking=tracking)

    plots = detector.best.parents[1]
    assert brightness(plots / "train_batch0.jpg") < 10
    assert brightness(plots / "val_batch0_labels.jpg") > 40

    run = mlflow.MlflowClient(tracking.tracking_uri).get_run(detector.mlflow_run_id)
    assert run.data.params["augmentations"] == "RandomBrightnessContrast (1)"
    detector.save(tmp_path / "saved")
    [noted] = Detector.load(tmp_path / "saved").arguments["augmentations"]
    assert noted == json.loads(json.dumps(detector.arguments["augmentations"][0]))


def test_another_list_is_another_training(tiny_detector, tiny_dataset):
    augmented = train_detector(tiny_dataset, tiny_options(augmentations=({"name": "Blur"},)))
    assert augmented.run_fingerprint != tiny_detector.run_fingerprint
