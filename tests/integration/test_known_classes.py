"""A class that weights know is carried over to one of another name."""

from __future__ import annotations

import pytest
import torch

from tests.fixtures.detector import tiny_options
from utils.detection.ultralytics.checkpoint import load_model, resolve_checkpoint
from utils.detection.ultralytics.known_classes import with_known_classes
from utils.detection.ultralytics.options import TrainingOptions
from utils.detection.ultralytics.train import train_detector
from utils.errors import ConfigurationError


@pytest.fixture
def checkpoint(tiny_detector):
    return resolve_checkpoint(tiny_options(model_checkpoint=str(tiny_detector.best)))


def class_rows(checkpoint, name):
    """The weights from which ultralytics starts a class `name`, out of three."""
    from ultralytics.nn.tasks import DetectionModel

    fresh = DetectionModel("yolov8n.yaml", nc=3, verbose=False)
    fresh.names = {0: "buoy", 1: name, 2: "jetty"}
    fresh.load(load_model(checkpoint).model)
    return [branch[-1].weight[1].detach() for branch in fresh.model[-1].cv3]


def test_a_class_starts_from_the_one_the_weights_know(checkpoint):
    renamed = with_known_classes(checkpoint, {"vessel": "ship"})
    known = load_model(checkpoint).model.model[-1].cv3
    for row, branch in zip(class_rows(renamed, "vessel"), known, strict=True):
        torch.testing.assert_close(row, branch[-1].weight[0])
    assert not torch.equal(class_rows(checkpoint, "vessel")[0], known[0][-1].weight[0])


def test_another_start_is_another_training(checkpoint):
    renamed = with_known_classes(checkpoint, {"vessel": "ship"})
    assert renamed.identity != checkpoint.identity
    assert renamed.source == checkpoint.source
    assert with_known_classes(checkpoint, {"vessel": "ship"}) == renamed


def test_nothing_is_copied_where_nothing_is_renamed(checkpoint):
    assert with_known_classes(checkpoint, {}) is checkpoint


def test_without_weights_nothing_is_known(tiny_dataset):
    scratch = resolve_checkpoint(tiny_options())
    assert with_known_classes(scratch, {"ship": "boat"}) is scratch


def test_a_class_the_weights_do_not_know_is_an_error_with_the_nearest(tiny_detector, tiny_dataset):
    options = tiny_options(model_checkpoint=str(tiny_detector.best), known_as={"vessel": "shop"})
    with pytest.raises(ConfigurationError, match="did you mean 'ship'"):
        train_detector(tiny_dataset, options)


def test_a_class_the_labels_do_not_have_is_an_error_with_the_nearest(tiny_detector, tiny_dataset):
    options = tiny_options(model_checkpoint=str(tiny_detector.best), known_as={"shop": "ship"})
    with pytest.raises(ConfigurationError, match=r"labels cannot .* did you mean 'ship'"):
        train_detector(tiny_dataset, options)


def test_two_classes_cannot_be_one_to_the_weights():
    with pytest.raises(ValueError, match="'ship' and 'ferry' cannot both be known as 'boat'"):
        TrainingOptions(known_as={"ship": "boat", "ferry": "boat"})
