"""Weights in a bucket: what `model_checkpoint` and `weights_dir` may name."""

from __future__ import annotations

import hashlib

import pytest

from tests.fixtures.detector import tiny_options
from utils.detection.ultralytics.checkpoint import load_model, resolve_checkpoint
from utils.errors import DetectorError, StoreError
from utils.storage.store import open_store


@pytest.fixture
def weights(gcs_bucket, tiny_detector):
    return open_store(f"{gcs_bucket}/weights").put(tiny_detector.best, "mine.pt")


@pytest.fixture
def named(weights, request):
    folder, _, name = weights.rpartition("/")
    as_file, as_name = {"model_checkpoint": weights}, {"model_checkpoint": name}
    return as_file if request.param == "file" else {**as_name, "weights_dir": folder}


@pytest.mark.parametrize("named", ["file", "folder"], indirect=True)
def test_they_are_known_by_their_content_and_fetched_once(named, weights, tiny_detector):
    checkpoint = resolve_checkpoint(tiny_options(**named))
    assert checkpoint.source == weights
    assert checkpoint.identity == tiny_detector.weights_sha256
    assert load_model(checkpoint).names == {0: "ship"}
    fetched = checkpoint.local_copy.stat().st_ino
    again = resolve_checkpoint(tiny_options(**named))
    assert again.local_copy.stat().st_ino == fetched


def test_weights_that_have_changed_are_fetched_again(weights, tiny_detector):
    before = resolve_checkpoint(tiny_options(model_checkpoint=weights))
    folder, _, name = weights.rpartition("/")
    open_store(folder).write(name, b"other weights")
    after = resolve_checkpoint(tiny_options(model_checkpoint=weights))
    assert after.identity == hashlib.sha256(b"other weights").hexdigest()
    assert before.identity == tiny_detector.weights_sha256


def test_missing_weights_are_an_error_with_a_remedy(gcs_bucket):
    missing = f"{gcs_bucket}/weights/gone.pt"
    with pytest.raises(DetectorError, match=rf"gcloud storage cp <file> {missing}$"):
        resolve_checkpoint(tiny_options(model_checkpoint=missing))


def test_a_missing_bucket_is_named(gcs_bucket):
    missing = f"{gcs_bucket}-gone/yolov8n.pt"
    with pytest.raises(StoreError, match=rf"The bucket {gcs_bucket}-gone does not exist"):
        resolve_checkpoint(tiny_options(model_checkpoint=missing, allow_scratch=True))
