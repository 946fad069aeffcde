"""Begin a survey, or go on with the one that was begun."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from utils.counting.draw import draw_survey, population_of, predictions_mark
from utils.counting.options import CountOptions
from utils.counting.survey import Survey
from utils.counting.weights import counted_classes
from utils.dataset.labeled import LabeledDataset
from utils.detection.predictions import Predictions
from utils.issues import IssueReport
from utils.tiling.options import TilingOptions

OTHER_SCENES = "new survey"
OLDER_PREDICTIONS = "survey of earlier predictions"
OWN_DESIGN = "survey of another design"


def begin_or_go_on(
    predictions: Predictions,
    earlier: Survey | None,
    tiling: TilingOptions,
    options: CountOptions,
    confidence: float,
    path: Path,
    issues: IssueReport,
    labels: LabeledDataset | None = None,
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
            or options are not used.
        labels: Labels of the model, or None. Their classes are those that reviewers could mark
            before a new survey.

    Raises:
        ConfigurationError: If a class is unknown.
        DatasetError: If no scene was predicted.
    """
    number = 1 if earlier is None else earlier.number + 1

    def draw() -> Survey:
        classes = counted_classes(predictions.class_names, options.classes)
        late_since = _late_since(classes, earlier, labels)
        return draw_survey(
            *(predictions, tiling, options, path),
            confidence=confidence,
            number=number,
            late_since=late_since,
        )

    if earlier is None or options.new_survey:
        return draw()
    if earlier.population != population_of(predictions, tiling):
        detail = (
            "the newest predictions cover other scenes, or tiles are cut in another way: survey "
            f"{number} begins, and {earlier.name} ends with what was reviewed. Reviews "
            "of tiles that the new one draws count in it"
        )
        issues.add(f"survey {number}", OTHER_SCENES, detail, set_aside=False)
        return draw()
    if earlier.predictions != predictions_mark(predictions):
        detail = (
            "there are newer predictions over the same scenes; the survey goes on with those that "
            "it was drawn from. To begin a new one: --set count.new_survey=true"
        )
        issues.add(earlier.name, OLDER_PREDICTIONS, detail, set_aside=False)
    if changed := _changed(earlier, options, confidence):
        detail = (
            f"it goes on with its own {', '.join(changed)}, since the draws were made with these. "
            "To begin a new one: --set count.new_survey=true"
        )
        issues.add(earlier.name, OWN_DESIGN, detail, set_aside=False)
    return earlier


def _late_since(
    classes: Sequence[str], earlier: Survey | None, labels: LabeledDataset | None
) -> datetime | None:
    """Now, where people have reviewed tiles before they could mark all classes to count."""
    if labels is None or not any(tile.reviewed for tile in labels):
        return None
    before = set(labels.class_names if earlier is None else earlier.offered)
    is_same = before.issuperset(classes)
    if is_same and earlier is not None and earlier.late_since is not None:
        return earlier.late_since
    return None if is_same else datetime.now(UTC)


def _changed(survey: Survey, options: CountOptions, confidence: float) -> list[str]:
    """Name the options of the design in which a survey differs from the configuration."""
    own = survey.design or {"seed": options.seed, "uniform_share": options.uniform_share}
    wanted = {"seed": options.seed, "uniform_share": options.uniform_share}
    changed = [f"count.{name} ({value:g})" for name, value in own.items() if value != wanted[name]]
    if survey.confidence != confidence:
        changed.append(f"minimum score ({survey.confidence:.3g})")
    return changed
