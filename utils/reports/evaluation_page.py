"""The page of an evaluation: the scores of a detector on scenes it was not trained on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from markupsafe import Markup
from PIL import Image

from utils.evaluation.average_precision import SIZES
from utils.evaluation.bootstrap import Estimate
from utils.evaluation.calibration import LEAST_SCORE, Calibration
from utils.evaluation.evaluation import Evaluation, WorstTile
from utils.evaluation.scores import ClassScores, Intervals, Scores, is_concentrated
from utils.evaluation.tide_errors import ERROR_KINDS
from utils.reports.charts import bars, curves
from utils.reports.page import (
    NOTHING,
    Cell,
    Number,
    columns,
    facts,
    joined,
    page,
    paragraph,
    section,
    subsection,
    table,
    warning,
)
from utils.reports.pictures import caption_alone, key, picture, sheet

_MOST_CLASSES = 40
_SIZE_MEANINGS = {"small": "below 32²", "medium": "32² to 96²", "large": "above 96²"}


def evaluation_page(evaluation: Evaluation) -> str:
    """Make the page: the headline first, then the scores behind it, then the worst tiles."""
    return page("Evaluation", summary_of(evaluation), *evaluation_sections(evaluation))


def summary_of(evaluation: Evaluation) -> str:
    """One sentence on the split, tiles and boxes of the evaluation."""
    tile = evaluation.tile_scores
    return (
        f"Scores of the detector on the {evaluation.split} split: {tile.images:,} tiles of "
        f"{tile.scenes:,} scenes that it was not trained on, with {tile.boxes:,} true boxes."
    )


def evaluation_sections(evaluation: Evaluation) -> tuple[Markup, ...]:
    """The sections under the heading of the page."""
    tile, scene = evaluation.tile_scores, evaluation.scene_scores
    return (
        facts(_headline(evaluation)),
        _concentration(tile),
        section("Tiles and scenes", _levels_table(tile, scene), _levels_note(evaluation)),
        section("By class", _classes_table(tile, scene)),
        section("By object size", _sizes_table(tile, scene), _class_sizes_table(tile)),
        section("Curves", columns(_curves("Tiles", tile), _curves("Scenes", scene))),
        section("Mistakes", columns(_errors("Tiles", tile), _errors("Scenes", scene)), _kinds()),
        section(
            "Confusion",
            _confidence_note(tile),
            columns(_confusion("Tiles", tile), _confusion("Scenes", scene)),
        ),
        section(
            "Calibration",
            columns(_calibration("Tiles", tile), _calibration("Scenes", scene)),
            _calibration_note(),
        ),
        section("Worst tiles", *_worst(evaluation.worst)),
    )


def shown_estimate(estimate: Estimate) -> Number:
    """A number above its interval, if it has one."""
    small = Markup("<small>{}</small>")
    interval = small.format(estimate.interval) if estimate.interval else NOTHING
    return Number("{:.3f}{}").format(estimate.value, interval)


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
    matrix = Markup(
        '<div class="scroll"><table><thead><tr><th>found \\ true</th>{}</tr></thead>'
        "<tbody>{}</tbody></table></div>"
    ).format(joined(map(heading.format, class_names)), lines)
    note = "Row “background”: true boxes that were missed. Column: boxes on nothing."
    return matrix + paragraph(note)


def _headline(evaluation: Evaluation) -> dict[str, Cell]:
    tile = evaluation.tile_scores
    estimates: dict[str, Cell] = {name: shown_estimate(own) for name, own in tile.metrics.items()}
    return estimates | {
        "Confidence": f"{tile.confidence:.2f}",
        "Best confidence on these tiles": f"{tile.best_confidence:.2f}",
        f"Time per tile ({evaluation.device})": f"{evaluation.milliseconds:.1f} ms",
    }


def _concentration(tile: Scores) -> Markup:
    """A warning where few groups of scenes hold most objects."""
    if not is_concentrated(tile):
        return NOTHING
    return warning(
        f"The scores rest on few scenes: the {tile.groups:,} groups that hold the {tile.boxes:,} "
        f"objects carry as much information as {tile.effective_groups:.1f} groups of equal size. "
        "The intervals allow for it; more scenes, above all crowded ones, make them narrower."
    )


def _levels_table(tile: Scores, scene: Scores) -> Markup:
    rows = [
        (name, *_value_and_interval(own), *_value_and_interval(scene.metrics[name]))
        for name, own in tile.metrics.items()
    ]
    return table(["", "Tiles", "Interval", "Scenes", "Interval"], rows)


def _value_and_interval(estimate: Estimate) -> tuple[Cell, Cell]:
    return estimate.value, estimate.interval or None


def _levels_note(evaluation: Evaluation) -> Markup:
    bootstrap, tile, scene = evaluation.bootstrap, evaluation.tile_scores, evaluation.scene_scores
    return paragraph(
        f"Average precisions are COCO's. Precision, recall and F1 count boxes of at least "
        f"{tile.confidence:.2f} in tiles and {scene.confidence:.2f} in scenes, at IoU 0.5, over "
        "all classes; a confidence with the best F1 on these very tiles would make them a little "
        "better than they are. In scenes each object counts once, after merging over tiles. "
        f"Intervals (level {bootstrap.level:.0%}) come from {bootstrap.samples:,} bootstrap "
        f"samples of {tile.groups:,} groups of scenes, drawn with replacement (seed "
        f"{bootstrap.seed}), which carry as much information as {tile.effective_groups:.1f} groups "
        "of equal size; they allow for groups of many objects that were not drawn. A score that "
        "rests on one group has no interval."
    )


def _classes_table(tile: Scores, scene: Scores) -> Markup:
    headings = ["Class", "True boxes", "Precision", "Recall", "F1", "mAP50", "mAP50-95"]
    rows = [
        (name, own.boxes, *_of_class(own), *_of_class(scene.classes.get(name))[-2:])
        for name, own in tile.classes.items()
    ]
    return table([*headings, "Scenes: mAP50", "mAP50-95"], rows)


def _of_class(scores: ClassScores | None) -> tuple[Cell, ...]:
    """Precision, recall, F1, mAP50 and mAP50-95, each above its interval where that is known."""
    if scores is None:
        return (None,) * 5
    values = {
        "precision": scores.precision,
        "recall": scores.recall,
        "F1": scores.f1,
        "mAP50": scores.map50,
        "mAP50-95": scores.map50_95,
    }
    return _with_intervals(values, scores.intervals)


def _sizes_table(tile: Scores, scene: Scores) -> Markup:
    headings = ["Size", "Area in pixels", "mAP50 in tiles", "mAP50-95"]
    rows = [
        (size, _SIZE_MEANINGS[size], *_of_size(tile, size), *_of_size(scene, size))
        for size in SIZES
    ]
    return table([*headings, "mAP50 in scenes", "mAP50-95"], rows)


def _class_sizes_table(tile: Scores) -> Markup:
    """The scores of each class by size, in tiles; for one class the table above says all."""
    if len(tile.classes) < 2:
        return NOTHING
    headings = [heading for size in SIZES for heading in (f"{size}: mAP50", "mAP50-95")]
    rows = [
        (name, *(value for size in SIZES for value in _of_size(own, size)))
        for name, own in tile.classes.items()
    ]
    return subsection("By class, in tiles", table(["Class", *headings], rows))


def _of_size(scores: Scores | ClassScores, size: str) -> tuple[Cell, Cell]:
    """mAP50 and mAP50-95, each above its interval where that is known."""
    values = {"mAP50": scores.sizes_map50.get(size), "mAP50-95": scores.sizes[size]}
    map50, map50_95 = _with_intervals(values, scores.sizes_intervals.get(size, {}))
    return map50, map50_95


def _with_intervals(values: Mapping[str, float | None], intervals: Intervals) -> tuple[Cell, ...]:
    return tuple(
        value
        if value is None or name not in intervals
        else shown_estimate(Estimate(value, *intervals[name]))
        for name, value in values.items()
    )


def _curves(heading: str, scores: Scores) -> Markup:
    drawn = scores.curves
    lines = {
        name: list(zip(drawn.confidence, values, strict=True))
        for name, values in (("precision", drawn.precision), ("recall", drawn.recall))
    } | {"F1": list(zip(drawn.confidence, drawn.f1, strict=True))}
    drawn_curves = curves(lines, "confidence from which a box counts", mark=scores.best_confidence)
    return subsection(heading, drawn_curves)


def _errors(heading: str, scores: Scores) -> Markup:
    return subsection(heading, bars(scores.errors))


def _kinds() -> Markup:
    return paragraph(
        "Errors as TIDE defines them (Bolya et al. 2020). A true box without a match is missed. A "
        "false positive is in the wrong place if it overlaps its object by IoU 0.1 to 0.5, of the "
        "wrong class if its object has another class, a duplicate if a box with a higher score has "
        "matched its object, and background if it overlaps no object by 0.1."
    )


def _confidence_note(scores: Scores) -> Markup:
    return paragraph(f"Boxes of at least {scores.confidence:.2f}, at IoU 0.5.")


def _confusion(heading: str, scores: Scores) -> Markup:
    return subsection(heading, confusion_table(scores.confusion, scores.class_names))


def _calibration(heading: str, scores: Scores) -> Markup:
    found: Calibration = scores.calibration
    if found.error is None:
        return subsection(heading, paragraph("No box has a score high enough to be counted."))
    lines = {
        "share of true boxes": list(zip(found.scores, found.true_shares, strict=True)),
        "perfect": [(0.0, 0.0), (1.0, 1.0)],
    }
    error = paragraph(f"Expected calibration error {found.error:.3f}, {sum(found.boxes):,} boxes")
    return subsection(heading, curves(lines, "score"), error)


def _calibration_note() -> Markup:
    return paragraph(
        f"Boxes of at least {LEAST_SCORE}, in bins of 0.1. Below the diagonal the detector is "
        "overconfident, above it underconfident."
    )


def _worst(tiles: Sequence[WorstTile]) -> Iterator[Markup]:
    if not tiles:
        yield paragraph("No tile has a mistake.")
        return
    yield key(truth=True, found=True)
    yield sheet((_picture(tile) for tile in tiles), cell=240)


def _picture(tile: WorstTile) -> Markup:
    mistakes = ", ".join(
        f"{tile.errors[kind]} {kind}" for kind in ERROR_KINDS if kind in tile.errors
    )
    caption = f"{mistakes} · {tile.tile_id}"
    if not tile.picture.is_file():
        return caption_alone(f"{caption} (no image)")
    with Image.open(tile.picture) as image:
        size = (tile.width, tile.height)
        return picture(image, size, caption, truth=tile.truth, found=tile.found, side=480)
