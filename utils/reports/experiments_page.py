"""The page of experiments side by side."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate

from markupsafe import Markup

from utils.evaluation.experiments import (
    Experiment,
    Rows,
    comparison,
    letters,
    training_seconds,
    warnings_about,
)
from utils.reports.charts import Points, curves
from utils.reports.page import (
    NOTHING,
    columns,
    page,
    paragraph,
    section,
    subsection,
    table,
    warning,
)

_SCORES = {"mAP50-95": "metrics/mAP50-95", "mAP50": "metrics/mAP50"}
_LOSSES = ("train/box_loss", "val/box_loss", "train/cls_loss", "val/cls_loss")


def experiments_page(experiments: Sequence[Experiment]) -> str:
    """Make the page: differences, scores, curves and cost, with a column for each experiment."""
    names = letters(experiments)
    return page(
        f"{len(experiments)} experiments side by side",
        "Each column is one training; the curves have the same letters.",
        *map(warning, warnings_about(experiments)),
        *(_rows_section(part, names) for part in comparison(experiments)),
        _evaluated_section(experiments),
        _training_section(experiments),
    )


def _rows_section(part: Rows, names: Sequence[str]) -> Markup:
    if not part.rows:
        return section(part.heading, paragraph("None."))
    rows = [[name, *cells] for name, cells in part.rows.items()]
    return section(part.heading, table(["", *names], rows))


def _evaluated_section(experiments: Sequence[Experiment]) -> Markup:
    """Precision against recall, and F1 against the confidence, on the evaluated tiles."""
    precision: dict[str, Points] = {}
    f1: dict[str, Points] = {}
    for letter, one in zip(letters(experiments), experiments, strict=True):
        if one.evaluation:
            drawn = one.evaluation.tile_scores.curves
            precision[letter] = sorted(zip(drawn.recall, drawn.precision, strict=True))
            f1[letter] = list(zip(drawn.confidence, drawn.f1, strict=True))
    if not f1:
        return NOTHING
    return section(
        "On unseen tiles, at IoU 0.5",
        columns(
            subsection("Precision against recall", curves(precision, "recall")),
            subsection("F1", curves(f1, "confidence from which a box counts")),
        ),
    )


def _training_section(experiments: Sequence[Experiment]) -> Markup:
    """The scores on val and the losses of each epoch, and the scores against the time."""
    pairs = zip(letters(experiments), experiments, strict=True)
    histories = {letter: one.detector.history for letter, one in pairs if one.detector.history}
    if not histories:
        return section("While training", paragraph("No epochs were kept with these detectors."))
    charts = [
        subsection(f"{name} on val", _by_epoch(histories, key)) for name, key in _SCORES.items()
    ]
    by_time = _by_time(histories, _SCORES["mAP50-95"])
    charts.append(subsection("mAP50-95 on val, by time", by_time))
    charts += [subsection(name, _by_epoch(histories, name)) for name in _LOSSES]
    return section("While training", columns(*charts))


def _by_epoch(histories: Mapping[str, Sequence[Mapping[str, float]]], name: str) -> Markup:
    lines = {
        letter: [(number, epoch[name]) for number, epoch in enumerate(history, 1) if name in epoch]
        for letter, history in histories.items()
    }
    return _scaled(lines, "epoch", is_share=name in _SCORES.values())


def _by_time(histories: Mapping[str, Sequence[Mapping[str, float]]], name: str) -> Markup:
    lines = {
        letter: list(
            zip(
                (seconds / 60 for seconds in accumulate(training_seconds(history))),
                (epoch[name] for epoch in history),
                strict=True,
            )
        )
        for letter, history in histories.items()
    }
    return _scaled(lines, "minutes", is_share=True)


def _scaled(lines: Mapping[str, Points], horizontal: str, *, is_share: bool) -> Markup:
    """Curves on axes that fit the largest x, and the largest y unless y is a share."""
    points = [point for line in lines.values() for point in line]
    right = _largest(x for x, _ in points)
    return curves(
        lines, horizontal, right=right, top=1 if is_share else _largest(y for _, y in points)
    )


def _largest(values: Iterable[float]) -> float:
    return max(values, default=0) or 1.0
