"""For every kind of labels the service finds what the packed network finds."""

from __future__ import annotations

import json

import numpy as np
import pytest

from tests.fixtures.services import served
from tests.fixtures.spots import png
from tests.integration.test_service_scenes import objects_of, post
from utils.serving.objects import objects_of as as_objects
from utils.serving.prediction import network_of, predict_image
from utils.shapes.shapes import ShapeKind


@pytest.mark.slow
@pytest.mark.parametrize("kind", ShapeKind)
def test_images_and_scenes_of_every_kind(kind, bundle_of, tmp_path) -> None:
    bundle = bundle_of(kind)
    noise = np.random.default_rng(2).integers(0, 256, (300, 401, 3), dtype=np.uint8)
    noise[60:200, 90:260] = (230, 40, 40)
    path = png(noise, tmp_path / "noise.png")
    expected = as_objects(predict_image(network_of(bundle), noise, bundle.settings))
    assert expected
    with served(bundle.folder, tmp_path / "state") as service:
        assert service.predict(path).json["objects"] == expected
        coco = service.predict(path, accept="application/vnd.coco+json").json
        assert len(coco["annotations"]) == len(expected)
        assert all(("segmentation" in one) == kind.has_outlines for one in coco["annotations"])
        assert service.predict(path, accept="image/png").body.startswith(b"\x89PNG")
        found = objects_of(service, post(service, path).json["id"])
        assert sorted(map(json.dumps, found)) == sorted(map(json.dumps, expected))
        told = service.get("/test").json
        assert told["objects"] == told["expected"]["objects"]
