"""The known weaknesses of a detector in sentences, from the errors of its evaluation."""

from __future__ import annotations

from collections.abc import Iterator

from utils.evaluation.scores import FEW_GROUPS, Scores, is_concentrated
from utils.evaluation.tide_errors import (
    BACKGROUND,
    DUPLICATE,
    MISSED,
    WRONG_BOTH,
    WRONG_CLASS,
    WRONG_PLACE,
)
from utils.serving.model_facts import ModelFacts
from utils.shapes.shapes import ShapeKind

_FALSE_POSITIVES = {
    BACKGROUND: "no object there",
    WRONG_PLACE: "too little overlap with the object (IoU 0.1 to 0.5)",
    WRONG_CLASS: "the wrong class",
    DUPLICATE: "a second one on the same object",
    WRONG_BOTH: "the wrong class, and too little overlap",
}
_FEW_OBJECTS = 30
_NOTICEABLE = 0.1  # of a score
_MOST_CLASSES = 5


def weaknesses(facts: ModelFacts) -> Iterator[str]:
    """Yield what readers must expect to go wrong, most frequent errors first."""
    if facts.evaluation is None:
        yield "Not known: the detector was not evaluated."
        return
    scores = facts.evaluation.tile_scores
    if scores.kind.has_places:
        yield from _errors(scores)
        yield from _sizes(scores)
    yield from _classes(scores)
    if facts.detector.confidence_doubt:
        yield (
            f"Its minimum score is a fallback, since {facts.detector.confidence_doubt.rstrip('.')}."
        )
    if is_concentrated(scores) or 0 < scores.groups < FEW_GROUPS:
        yield (
            f"The scores rest on few scenes: {scores.groups:,} groups, worth "
            f"{scores.effective_groups:.1f} of equal size. On other scenes they may differ much."
        )


def _errors(scores: Scores) -> Iterator[str]:
    found, errors = scores.found_boxes, scores.errors
    if scores.boxes:
        missed = errors.get(MISSED, 0)
        yield (
            f"It misses {missed:,} of {scores.boxes:,} true {scores.kind.noun} "
            f"({missed / scores.boxes:.0%}), apart from those found in the wrong place or class."
        )
    if not found:
        yield "It finds nothing on these tiles: its scores are below the minimum score."
        return
    kinds = sorted(_FALSE_POSITIVES, key=lambda kind: -errors.get(kind, 0))
    for kind in kinds:
        if count := errors.get(kind, 0):
            share = f"{count:,} of {found:,} found ({count / found:.0%})"
            yield f"False positives, {share}: {_FALSE_POSITIVES[kind]}."


def _sizes(scores: Scores) -> Iterator[str]:
    known = {size: value for size, value in scores.sizes_map50.items() if value is not None}
    if len(known) < 2:
        return
    worst, best = min(known, key=lambda one: known[one]), max(known, key=lambda one: known[one])
    if known[best] - known[worst] >= _NOTICEABLE:
        yield (
            f"{worst.capitalize()} objects are found worst (mAP50 {known[worst]:.2f}), {best} ones "
            f"best ({known[best]:.2f})."
        )


def _classes(scores: Scores) -> Iterator[str]:
    rare = [name for name, own in scores.classes.items() if own.boxes < _FEW_OBJECTS]
    if rare:
        told = ", ".join(rare[:_MOST_CLASSES]) + (", and others" if rare[_MOST_CLASSES:] else "")
        yield f"Fewer than {_FEW_OBJECTS} true {_noun(scores.kind)} were there to score: {told}."
    ranked = sorted(scores.classes, key=lambda name: scores.classes[name].f1)
    if len(ranked) > 1:
        worst = scores.classes[ranked[0]]
        yield (
            f"The class {ranked[0]} is found worst: precision {worst.precision:.2f}, recall "
            f"{worst.recall:.2f}."
        )


def _noun(kind: ShapeKind) -> str:
    return f"{kind.noun} of a class" if kind.has_places else "tiles of a class"
