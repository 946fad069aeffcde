"""A document holds what has changed since Spyglass last wrote, and nothing that people did."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.builders import boxes, write_image
from utils.curation.documents import Document, KnownSample, pending_document, updated_tags
from utils.curation.samples import TileSample
from utils.geometry import Window
from utils.shapes.shapes import Shapes


@pytest.fixture
def image(tmp_path: Path) -> Path:
    return write_image(tmp_path / "tile.png")


@pytest.fixture
def sample(image: Path) -> TileSample:
    return TileSample(
        tile_id="a_x0_y0_64x48",
        scene_id="a",
        window=Window(x=0, y=0, width=64, height=48),
        uri=str(image),
        sha256="",
        truth=boxes((16, 12, 32, 24)),
        tags=("harbour",),
    )


def written(sample: TileSample, image: Path, known: KnownSample | None = None) -> Document:
    document = pending_document(sample, image, known)
    assert document is not None
    return document


def as_known(document: Document) -> KnownSample:
    return KnownSample(tuple(document["tags"]), document["last_written"])


def test_boxes_become_shares_of_the_tile(sample: TileSample, image: Path) -> None:
    (detection,) = written(sample, image)["ground_truth"]["detections"]
    assert detection["bounding_box"] == [0.25, 0.25, 0.25, 0.25]
    assert detection["label"] == "ship"
    assert "confidence" not in detection


def test_a_prediction_has_a_score_and_the_version_of_its_model(
    sample: TileSample, image: Path
) -> None:
    found = Shapes(np.array([[0, 0, 8, 8]]), ("ship",), np.array([0.75]))
    document = written(replace(sample, found=found, model_version="7"), image)
    (detection,) = document["predictions"]["detections"]
    assert (detection["confidence"], detection["model_version"]) == (0.75, "7")
    assert document["model_version"] == "7"


def test_a_sample_that_is_there_as_it_should_be_is_not_written(
    sample: TileSample, image: Path
) -> None:
    known = as_known(written(sample, image))
    assert pending_document(sample, image, known) is None


def test_only_the_field_that_has_changed_is_written(sample: TileSample, image: Path) -> None:
    known = as_known(written(sample, image))
    found = Shapes(np.array([[0, 0, 8, 8]]), ("ship",), np.array([0.5]))
    document = written(replace(sample, found=found, model_version="1"), image, known)
    assert "predictions" in document
    assert "ground_truth" not in document


def test_what_is_not_known_now_leaves_what_was_written_before(
    sample: TileSample, image: Path
) -> None:
    known = as_known(written(sample, image))
    assert pending_document(replace(sample, truth=None), image, known) is None


@pytest.mark.parametrize(
    ("current", "before", "now", "after"),
    [
        pytest.param((), (), ("val",), ("val",), id="a new sample has the tags given"),
        pytest.param(("val", "relabel"), ("val",), ("val",), ("val", "relabel"), id="added stays"),
        pytest.param((), ("val",), ("val",), (), id="removed by people stays removed"),
        pytest.param(("val", "relabel"), ("val",), ("test",), ("relabel", "test"), id="moved"),
        pytest.param(("val",), (), ("val",), ("val",), id="people had added it already"),
    ],
)
def test_tags_after_an_update(
    current: tuple[str, ...],
    before: tuple[str, ...],
    now: tuple[str, ...],
    after: tuple[str, ...],
) -> None:
    assert updated_tags(current, before, now) == after
