"""Begin a survey, or go on with the one that was begun."""

from __future__ import annotations

from pathlib import Path

from utils.counting.draw import draw_survey, population_of, predictions_mark
from utils.counting.options import CountOptions
from utils.counting.survey import Survey
from utils.detection.predictions import Predictions
from utils.issues import IssueReport
from utils.tiling.options import TilingOptions

OTHER_SCENES = "new survey"
OLDER_PREDICTIONS = "survey of earlier predictions"


def begin_or_go_on(
    predictions: Predictions,
    earlier: Survey | None,
    tiling: TilingOptions,
    options: CountOptions,
    confidence: float,
    path: Path,
    issues: IssueReport,
) -> Survey:
    """The survey to work on: the earlier one as long as it counts in the same scenes.

    A survey keeps the predictions that its draws were made from, since an estimate is right only
    with these. Newer predictions over the same scenes do not end it.

    Args:
        predictions: Newest predictions.
        earlier: The newest survey of the model, or None.
        tiling: How to cut.
        options: Options of a new survey, and whether to begin one.
        confidence: Minimum score of a predicted object; see `score_scales`.
        path: File for a new survey.
        issues: Receives a word where a new survey begins in place of another, or newer predictions
            are not used.

    Raises:
        ConfigurationError: If a class is unknown.
        DatasetError: If no scene was predicted.
    """
    number = 1 if earlier is None else earlier.number + 1
    if earlier is None or options.new_survey:
        return draw_survey(predictions, tiling, options, path, confidence=confidence, number=number)
    if earlier.population != population_of(predictions, tiling):
        detail = (
            "the newest predictions cover other scenes, or tiles are cut in another way: survey "
            f"{number} begins, and {earlier.name} ends with what was reviewed. Reviews "
            "of tiles that the new one draws count in it"
        )
        issues.add(f"survey {number}", OTHER_SCENES, detail, set_aside=False)
        return draw_survey(predictions, tiling, options, path, confidence=confidence, number=number)
    if earlier.predictions != predictions_mark(predictions):
        detail = (
            "there are newer predictions over the same scenes; the survey goes on with those that "
            "it was drawn from. To begin a new one: --set count.new_survey=true"
        )
        issues.add(earlier.name, OLDER_PREDICTIONS, detail, set_aside=False)
    return earlier
