"""The page of an evaluation: how good a detector is on tiles it has never seen."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from utils.detection.evaluate import Evaluation
from utils.reports.page import Markup, facts, page, paragraph, section, table
from utils.reports.pictures import plot, sheet

# Of these Spyglass shows its own table.
_NOT_SHOWN = ("confusion_matrix", "confusion_matrix_normalized")
_MOST_CLASSES = 40


def evaluation_page(evaluation: Evaluation) -> str:
    """The page: metrics, scores by class, confusion matrix, and the plots of the evaluation."""
    plots = [
        plot(path, name.replace("_", " "))
        for name, path in sorted(evaluation.pictures.items())
        if name not in _NOT_SHOWN and path.is_file()
    ]
    return page(
        "Evaluation",
        f"Of the detector, on the {evaluation.split} split: {evaluation.tiles:,} tiles of scenes "
        "it has not learnt from.",
        facts({name: float(value) for name, value in evaluation.metrics.items()}),
        section("By class", _classes_table(evaluation)),
        section("Confusion matrix", confusion_table(evaluation.confusion, evaluation.class_names)),
        section("Curves and examples", sheet(plots, cell=440)) if plots else Markup(""),
    )


def confusion_table(confusion: Sequence[Sequence[int]], class_names: Sequence[str]) -> Markup:
    """The matrix as a table, darker where a true class is found as a class more often.

    Args:
        confusion: Counts of boxes; rows are predicted classes, columns true ones.
        class_names: Of rows and columns.
    """
    if not class_names or len(class_names) > _MOST_CLASSES:
        return paragraph(f"Not drawn for {len(class_names)} classes.")
    totals = [sum(column) or 1 for column in zip(*confusion, strict=True)]
    head = "".join(f'<th class="number">{escape(name)}</th>' for name in class_names)
    lines = []
    for name, row in zip(class_names, confusion, strict=True):
        cells = "".join(
            f'<td class="heat" style="--share:{80 * count / total:.0f}%">{count:,}</td>'
            for count, total in zip(row, totals, strict=True)
        )
        lines.append(f"<tr><th>{escape(name)}</th>{cells}</tr>")
    return Markup(
        f'<div class="scroll"><table><thead><tr><th>found \\ true</th>{head}</tr></thead>'
        f"<tbody>{''.join(lines)}</tbody></table></div>"
        + paragraph("Row “background”: true boxes that were missed. Column: boxes on nothing.")
    )


def _classes_table(evaluation: Evaluation) -> Markup:
    rows = [
        (name, scores.boxes, scores.precision, scores.recall, scores.map50, scores.map50_95)
        for name, scores in evaluation.classes.items()
    ]
    return table(["Class", "True boxes", "Precision", "Recall", "mAP50", "mAP50-95"], rows)
