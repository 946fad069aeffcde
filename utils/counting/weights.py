"""The number of objects that predictions count for, and the classes that are counted."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from utils.counting.survey import Survey, SurveyTile
from utils.errors import ConfigurationError
from utils.geometry import FloatArray
from utils.options import unknown_key
from utils.shapes.shapes import Shapes

_LISTED = 3


def score_scales(tiles: Iterable[SurveyTile], confidence: float) -> dict[str, float]:
    """The factor by class that makes the scores of all predictions sum up to a count.

    Each prediction counts by its score, faint ones too: they tell where objects were missed. The
    factor makes them add up to the number of predictions with at least the minimum score.

    Args:
        tiles: All tiles.
        confidence: The minimum score.
    """
    scores: dict[str, float] = defaultdict(float)
    counted: dict[str, float] = defaultdict(float)
    for tile in tiles:
        for label, score in zip(tile.found.labels, tile.found.confidences.tolist(), strict=True):
            scores[label] += score
            # The scores of the classes of an image are shares of one.
            counted[label] += score >= confidence if tile.found.kind.has_places else score
    return {label: counted[label] / total for label, total in scores.items() if total > 0}


def object_counts(found: Shapes, scales: Mapping[str, float]) -> FloatArray:
    """The number of objects that each predicted shape counts for, shape (n,).

    Args:
        found: Predicted shapes.
        scales: From `score_scales`.
    """
    factors = np.array([scales.get(label, 0.0) for label in found.labels], dtype=np.float64)
    return np.asarray(found.confidences * factors)


def counts_by_tile(
    tiles: Sequence[SurveyTile], classes: Sequence[str], scales: Mapping[str, float]
) -> FloatArray:
    """The predicted number of objects of each class in each tile, shape (n, c)."""
    index = {name: column for column, name in enumerate(classes)}
    counts = np.zeros((len(tiles), len(classes)))
    for row, tile in enumerate(tiles):
        weights = object_counts(tile.found, scales).tolist()
        for name, weight in zip(tile.found.labels, weights, strict=True):
            if name in index:
                counts[row, index[name]] += weight
    return counts


def classes_to_count(survey: Survey, wanted: Sequence[str]) -> list[str]:
    """The classes of a survey to count: those wanted, or all that its reviewers could mark.

    Raises:
        ConfigurationError: If one is unknown, or reviewers could not mark it.
    """
    classes = counted_classes(survey.class_names, wanted)
    if not wanted:
        return [name for name in classes if name in survey.offered]
    if late := [name for name in classes if name not in survey.offered]:
        raise ConfigurationError(
            f"count.classes: the reviewers of {survey.name} could not mark {listed(late)}. Count "
            "others, or begin a new survey: --set count.new_survey=true"
        )
    return classes


def listed(names: Sequence[str]) -> str:
    """Some names in words."""
    more = len(names) - _LISTED
    return ", ".join(names[:_LISTED]) + (f" and {more} more" if more > 0 else "")


def counted_classes(known: Iterable[str], wanted: Sequence[str]) -> list[str]:
    """The classes to count: those wanted, or all.

    Raises:
        ConfigurationError: If one is unknown; it names the nearest.
    """
    names = list(known)
    for name in wanted:
        if name not in names:
            raise ConfigurationError(f"count.classes: {unknown_key(name, names, 'class')}")
    return list(wanted) or names
