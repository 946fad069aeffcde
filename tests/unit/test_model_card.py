"""A model card tells in sentences what goes wrong, and nothing in it is markup."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.builders import boxes
from tests.evaluations import evaluated, found, make_evaluation
from utils.detection.detector import Detector
from utils.evaluation.options import BootstrapOptions, EvaluationOptions
from utils.evaluation.scoring import score
from utils.serving.card_parts import Part, as_markdown
from utils.serving.card_weaknesses import weaknesses
from utils.serving.model_facts import ModelFacts

OPTIONS = EvaluationOptions(confidence=0.5, bootstrap=BootstrapOptions(samples=100))
DETECTOR = Detector(
    Path("best.pt"), Path("last.pt"), ("ship",), "detect", 64, "", {}, {}, 1, "", ""
)


def told(tmp_path: Path, truth, predicted, **detector: object) -> list[str]:
    """The weaknesses of a detector by its predictions on twelve images that are all alike."""
    images = [evaluated(truth, predicted, scene=f"port/{number}") for number in range(12)]
    evaluation = make_evaluation(tmp_path, mistakes=0)
    scored = replace(evaluation, tile_scores=score(images, ("ship", "buoy"), OPTIONS))
    facts = ModelFacts(detector=replace(DETECTOR, **detector), evaluation=scored)
    return list(weaknesses(facts))


def test_errors_are_told_by_kind_the_most_frequent_first(tmp_path):
    truth = boxes((10, 10, 30, 30), (60, 60, 80, 80))
    # One is right, one too small, and two are on nothing.
    seen = found(
        (10, 10, 30, 30, 0.9), (60, 60, 70, 75, 0.8), (0, 80, 9, 89, 0.8), (85, 0, 95, 9, 0.7)
    )
    sentences = told(tmp_path, truth, seen)
    assert sentences[:3] == [
        "It misses 0 of 24 true boxes (0%), apart from those found in the wrong place or class.",
        "False positives, 24 of 48 found (50%): no object there.",
        "False positives, 12 of 48 found (25%): too little overlap with the object "
        "(IoU 0.1 to 0.5).",
    ]


def test_a_detector_that_finds_nothing_says_so(tmp_path):
    sentences = told(tmp_path, boxes((10, 10, 30, 30)), found())
    assert sentences[0].startswith("It misses 12 of 12 true boxes (100%)")
    assert sentences[1].startswith("It finds nothing on these tiles")


def test_a_threshold_that_is_a_fallback_and_few_scenes_are_weaknesses(tmp_path):
    truth = boxes((10, 10, 30, 30))
    doubt = "val has 3 objects only"
    sentences = told(tmp_path, truth, found((10, 10, 30, 30, 0.9)), confidence_doubt=doubt)
    assert f"Its minimum score is a fallback, since {doubt}." in sentences
    few = ModelFacts(detector=DETECTOR, evaluation=make_evaluation(tmp_path, mistakes=1))
    assert any("rest on few scenes: 3 groups" in sentence for sentence in weaknesses(few))


def test_an_unknown_evaluation_is_no_strength():
    assert list(weaknesses(ModelFacts(detector=DETECTOR))) == [
        "Not known: the detector was not evaluated."
    ]


@pytest.mark.parametrize("text", ["a | b", "a\n\n# b", "<script>", "[x](y)", "`c`", "*d*"])
def test_nothing_in_a_card_is_markup(text):
    card = as_markdown(text, text, [Part(text, (text,), (text,), ((text,),))])
    lines = card.splitlines()
    assert [line for line in lines if line.startswith("#")] == [lines[0], lines[4]]
    for mark in "<[`*":
        assert f" {mark}" not in card.replace("| ---", "")
    (row,) = [line for line in lines if line.startswith("| ") and "---" not in line][1:]
    assert row.replace(r"\|", "").count("|") == 2
