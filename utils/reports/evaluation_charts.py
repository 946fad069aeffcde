"""The charts of an evaluation's page: curves, errors, confusion and calibration."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from utils.evaluation.calibration import LEAST_SCORE, Calibration
from utils.evaluation.scores import Scores
from utils.reports.charts import bars, curves
from utils.reports.page import joined, paragraph, subsection

_MOST_CLASSES = 40


def confusion_table(confusion: Sequence[Sequence[int]], class_names: Sequence[str]) -> Markup:
    """The confusion matrix as a table, with darker cells for larger shares of a true class.

    Args:
        confusion: Counts of boxes; rows are predicted classes, columns true ones.
        class_names: Classes of rows and columns.
    """
    if not class_names or len(class_names) > _MOST_CLASSES:
        return paragraph(f"Not drawn for {len(class_names)} classes.")
    totals = [sum(column) or 1 for column in zip(*confusion, strict=True)]
    heading = Markup('<th class="number">{}</th>')
    cell = Markup('<td class="heat" style="--share:{:.0f}%">{:,}</td>')
    line = Markup("<tr><th>{}</th>{}</tr>")
    lines = joined(
        line.format(
            name,
            joined(
                cell.format(80 * count / total, count)
                for count, total in zip(row, totals, strict=True)
            ),
        )
        for name, row in zip(class_names, confusion, strict=True)
    )
    return Markup(
        '<div class="scroll"><table><thead><tr><th>found \\ true</th>{}</tr></thead>'
        "<tbody>{}</tbody></table></div>"
    ).format(joined(map(heading.format, class_names)), lines)


def curves_of(heading: str, scores: Scores) -> Markup:
    """Precision, recall and F1 against the confidence."""
    drawn = scores.curves
    lines = {
        name: list(zip(drawn.confidence, values, strict=True))
        for name, values in (("precision", drawn.precision), ("recall", drawn.recall))
    } | {"F1": list(zip(drawn.confidence, drawn.f1, strict=True))}
    if not scores.kind.has_places:
        return subsection(heading, curves(lines, "score from which the best class counts"))
    drawn_curves = curves(
        lines,
        f"confidence from which {scores.kind.noun} count",
        mark=scores.best_confidence,
    )
    return subsection(heading, drawn_curves)


def errors_of(heading: str, scores: Scores) -> Markup:
    """The numbers of errors by kind."""
    return subsection(heading, bars(scores.errors))


def error_kinds() -> Markup:
    """The meanings of the kinds of errors."""
    return paragraph(
        "Errors as TIDE defines them (Bolya et al. 2020). An object without a match is missed. A "
        "false positive is in the wrong place if it overlaps its object by IoU 0.1 to 0.5, of the "
        "wrong class if its object has another class, a duplicate if one with a higher score has "
        "matched its object, and background if it overlaps no object by 0.1."
    )


def confusion_of(heading: str, scores: Scores) -> Markup:
    """The confusion matrix under a heading."""
    confusion, names = scores.confusion, scores.class_names
    if not scores.kind.has_places and not any(confusion[-1]):
        # Every image has a class, and here one was found for each.
        confusion, names = [row[:-1] for row in confusion[:-1]], names[:-1]
    table = confusion_table(confusion, names)
    if not scores.kind.has_places:
        return subsection(heading, table)
    noun = scores.kind.noun
    note = f"Row “background”: true {noun} that were missed. Column: {noun} on nothing."
    return subsection(heading, table, paragraph(note))


def calibration_of(heading: str, scores: Scores) -> Markup:
    """The share of true predictions against the score."""
    found: Calibration = scores.calibration
    if found.error is None:
        return subsection(
            heading, paragraph(f"None of the {scores.kind.noun} scores high enough to be counted.")
        )
    lines = {
        "share of true ones": list(zip(found.scores, found.true_shares, strict=True)),
        "perfect": [(0.0, 0.0), (1.0, 1.0)],
    }
    counted = f"{sum(found.boxes):,} {scores.kind.noun}"
    error = paragraph(f"Expected calibration error {found.error:.3f}, {counted}")
    return subsection(heading, curves(lines, "score"), error)


def calibration_note(scores: Scores) -> Markup:
    """How to read the calibration."""
    return paragraph(
        f"{scores.kind.noun.capitalize()} of at least {LEAST_SCORE}, in bins of 0.1. Below the "
        "diagonal the detector is overconfident, above it underconfident."
    )
