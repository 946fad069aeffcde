"""A bundle may be deployed when it scores as its detector does; the page shows what it does not."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from materializers.packed import PackedEvaluationMaterializer
from tests.builders import boxes
from tests.evaluations import make_evaluation
from utils.errors import BundleError
from utils.evaluation.packed import TOLERANCE, EarlierBundle, PackedEvaluation, scores_of
from utils.reports.packed_page import packed_page
from utils.shapes.shapes import Shapes


@pytest.fixture
def packed(tmp_path: Path) -> PackedEvaluation:
    evaluation = make_evaluation(tmp_path, mistakes=1)
    return PackedEvaluation("ships", "3", "d" * 64, evaluation, scores_of(evaluation))


@pytest.mark.parametrize(
    ("difference", "passes"), [(0.0, True), (0.9 * TOLERANCE, True), (1.1 * TOLERANCE, False)]
)
@pytest.mark.parametrize("sign", [1, -1])
def test_a_bundle_passes_if_every_score_is_near_its_detectors(packed, difference, passes, sign):
    own = packed.own | {"ship: mAP50": packed.own["ship: mAP50"] + sign * difference}
    judged = replace(packed, own=own)
    assert judged.passes is passes
    if not passes:
        assert "ship: mAP50 is" in judged.verdict


@pytest.mark.parametrize("missing", ["mAP50", "ship: F1"])
def test_a_score_that_only_one_of_them_has_is_a_difference(packed, missing):
    own = {name: score for name, score in packed.own.items() if name != missing}
    judged = replace(packed, own=own)
    assert not judged.passes
    assert f"{missing} is" in judged.verdict
    assert "without a score" in judged.verdict


def test_the_evaluation_of_a_bundle_is_stored_and_read_again(packed, tmp_path):
    packed = replace(packed, before=EarlierBundle("2", {"mAP50": 0.5}, same_tiles=True))
    packed.save(tmp_path / "stored")
    loaded = PackedEvaluation.load(tmp_path / "stored")
    assert (loaded.own, loaded.before, loaded.digest) == (packed.own, packed.before, packed.digest)
    assert loaded.scores == packed.scores


def test_a_damaged_evaluation_of_a_bundle_is_one_sentence(packed, tmp_path):
    packed.save(tmp_path / "stored")
    (tmp_path / "stored" / "packed.json").write_text("{")
    with pytest.raises(BundleError, match=r"is damaged.*--deploy"):
        PackedEvaluation.load(tmp_path / "stored")


def test_the_artifact_tells_whether_the_bundle_may_be_deployed(packed, tmp_path):
    told = PackedEvaluationMaterializer(str(tmp_path)).extract_metadata(packed)
    assert told["deployable"] is True
    assert told["bundle"] == packed.digest
    worse = replace(packed, own=packed.own | {"mAP50": 1.5})
    assert (
        PackedEvaluationMaterializer(str(tmp_path)).extract_metadata(worse)["deployable"] is False
    )


def test_the_worst_tiles_show_false_alarms_red_misses_blue_and_truth_green(packed, tmp_path):
    picture = tmp_path / "worst.jpg"
    Image.new("RGB", (100, 100)).save(picture)
    (tile, *_) = packed.evaluation.worst
    found = Shapes(
        np.array([[10.0, 10, 30, 30], [60, 60, 80, 80]]), ("ship", "ship"), np.array([0.9, 0.8])
    )
    truth = boxes((10, 10, 30, 30), (40, 40, 55, 55), label="ship")
    shown = replace(tile, truth=truth, found=found, picture=picture)
    page = packed_page(replace(packed, evaluation=replace(packed.evaluation, worst=(shown,))))
    drawn = {
        role: re.findall(rf'<rect class="{role}" x="([\d.]+)"', page)
        for role in ("truth", "missed", "found", "wrong")
    }
    assert drawn == {"truth": ["10.0"], "missed": ["40.0"], "found": ["10.0"], "wrong": ["60.0"]}


def test_the_page_sets_the_bundle_beside_its_detector_and_the_bundle_before(packed):
    before = EarlierBundle("2", {"mAP50": 0.125}, same_tiles=False)
    page = packed_page(replace(packed, before=before))
    assert "Deployable: bundle of version 3" in page
    assert "0.125" in page
    assert "other tiles" in page
    refused = packed_page(replace(packed, own=packed.own | {"mAP50": 0.0}))
    assert "Not deployable" in refused
