"""The page of an evaluation: the scores of a detector on scenes it was not trained on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from markupsafe import Markup
from PIL import Image

from utils.detection.detector import readable_score
from utils.evaluation.average_precision import SIZES
from utils.evaluation.bootstrap import Estimate
from utils.evaluation.evaluation import Evaluation, WorstTile
from utils.evaluation.scores import ClassScores, Intervals, Scores, is_concentrated
from utils.evaluation.tide_errors import ERROR_KINDS
from utils.reports.evaluation_charts import (
    calibration_note,
    calibration_of,
    confusion_of,
    curves_of,
    error_kinds,
    errors_of,
)
from utils.reports.page import (
    NOTHING,
    Cell,
    Number,
    columns,
    facts,
    page,
    paragraph,
    section,
    subsection,
    table,
    warning,
)
from utils.reports.pictures import caption_alone, key, picture, sheet

_TITLES = {"top1": "top-1", "top5": "top-5"}
_SIZE_MEANINGS = {"small": "below 32²", "medium": "32² to 96²", "large": "above 96²"}


def evaluation_page(evaluation: Evaluation) -> str:
    """Make the page: the headline first, then the scores behind it, then the worst tiles."""
    return page("Evaluation", summary_of(evaluation), *evaluation_sections(evaluation))


def summary_of(evaluation: Evaluation) -> str:
    """One sentence on the split, tiles and boxes of the evaluation."""
    tile = evaluation.tile_scores
    return (
        f"Scores of the detector on the {evaluation.split} split: {tile.images:,} tiles of "
        f"{tile.scenes:,} scenes that it was not trained on, with {tile.boxes:,} true "
        f"{tile.kind.noun}."
    )


def evaluation_sections(evaluation: Evaluation) -> tuple[Markup, ...]:
    """The sections under the heading of the page."""
    tile, scene = evaluation.tile_scores, evaluation.scene_scores
    if not tile.kind.has_places:
        return _sections_of_classes(evaluation)
    return (
        facts(_headline(evaluation)),
        _concentration(tile),
        section("Tiles and scenes", _levels_table(tile, scene), _levels_note(evaluation)),
        section("By class", _classes_table(tile, scene)),
        section("By object size", _sizes_table(tile, scene), _class_sizes_table(tile)),
        *curve_sections(evaluation),
        section(
            "Mistakes", columns(errors_of("Tiles", tile), errors_of("Scenes", scene)), error_kinds()
        ),
        section(
            "Confusion",
            _confidence_note(tile),
            columns(confusion_of("Tiles", tile), confusion_of("Scenes", scene)),
        ),
        section(
            "Calibration",
            columns(calibration_of("Tiles", tile), calibration_of("Scenes", scene)),
            calibration_note(tile),
        ),
        section("Worst tiles", *_worst(evaluation.worst)),
    )


def curve_sections(evaluation: Evaluation) -> tuple[Markup, ...]:
    """The section with the curves of precision and recall against the confidence."""
    tile, scene = evaluation.tile_scores, evaluation.scene_scores
    beside = curves_of("Scenes", scene) if tile.kind.has_places else NOTHING
    return (section("Curves", columns(curves_of("Tiles", tile), beside)),)


def _sections_of_classes(evaluation: Evaluation) -> tuple[Markup, ...]:
    """The sections about classes of whole images, which have neither places nor sizes."""
    tile, scene = evaluation.tile_scores, evaluation.scene_scores
    note = (
        "The class with the highest score counts. Precision, recall and F1 are means over the "
        "classes that occur, so that rare classes count as much as frequent ones. Tiles of one "
        f"scene vote on its class. {_intervals_note(evaluation)}"
    )
    return (
        facts(_headline(evaluation)),
        _concentration(tile),
        section("Tiles and scenes", _levels_table(tile, scene), paragraph(note)),
        section("By class", _whole_image_classes_table(tile)),
        *curve_sections(evaluation),
        section("Confusion", confusion_of("Tiles", tile)),
        section(
            "Calibration",
            columns(calibration_of("Tiles", tile), NOTHING),
            calibration_note(tile),
        ),
        section("Worst tiles", *_worst(evaluation.worst)),
    )


def _whole_image_classes_table(tile: Scores) -> Markup:
    rows = [(name, own.boxes, *_of_class(own)[:3]) for name, own in tile.classes.items()]
    return table(["Class", "Tiles", "Precision", "Recall", "F1"], rows)


def shown_estimate(estimate: Estimate) -> Number:
    """A number above its interval, if it has one."""
    small = Markup("<small>{}</small>")
    interval = small.format(estimate.interval) if estimate.interval else NOTHING
    return Number("{:.3f}{}").format(estimate.value, interval)


def _headline(evaluation: Evaluation) -> dict[str, Cell]:
    tile = evaluation.tile_scores
    estimates: dict[str, Cell] = {
        _TITLES.get(name, name): shown_estimate(own) for name, own in tile.metrics.items()
    }
    if tile.angle_error is not None:
        estimates["Angle error (median)"] = f"{tile.angle_error:.1f}°"
    if tile.kind.has_places:
        estimates["Confidence"] = readable_score(tile.confidence)
        estimates["Best confidence on these tiles"] = f"{tile.best_confidence:.2f}"
    return estimates | {
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
        (
            _TITLES.get(name, name),
            *_value_and_interval(own),
            *_value_and_interval(scene.metrics[name]),
        )
        for name, own in tile.metrics.items()
    ]
    return table(["", "Tiles", "Interval", "Scenes", "Interval"], rows)


def _value_and_interval(estimate: Estimate) -> tuple[Cell, Cell]:
    return estimate.value, estimate.interval or None


def _levels_note(evaluation: Evaluation) -> Markup:
    tile, scene = evaluation.tile_scores, evaluation.scene_scores
    return paragraph(
        f"Average precisions are COCO's, by the overlap of the {tile.kind.noun}. Precision, recall "
        f"and F1 count {tile.kind.noun} of at least {readable_score(tile.confidence)} in "
        f"tiles and {readable_score(scene.confidence)} in scenes, at IoU 0.5, over "
        "all classes; a confidence with the best F1 on these very tiles would make them a little "
        "better than they are. In scenes each object counts once, after merging over tiles. "
        f"{_intervals_note(evaluation)}"
    )


def _intervals_note(evaluation: Evaluation) -> str:
    bootstrap, tile = evaluation.bootstrap, evaluation.tile_scores
    return (
        f"Intervals (level {bootstrap.level:.0%}) come from {bootstrap.samples:,} bootstrap "
        f"samples of {tile.groups:,} groups of scenes, drawn with replacement (seed "
        f"{bootstrap.seed}), which carry as much information as {tile.effective_groups:.1f} groups "
        "of equal size; they allow for groups of many objects that were not drawn. A score that "
        "rests on one group has no interval."
    )


def _classes_table(tile: Scores, scene: Scores) -> Markup:
    headings = ["Class", f"True {tile.kind.noun}", "Precision", "Recall", "F1", "mAP50", "mAP50-95"]
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


def _confidence_note(scores: Scores) -> Markup:
    noun = scores.kind.noun.capitalize()
    return paragraph(f"{noun} of at least {readable_score(scores.confidence)}, at IoU 0.5.")


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
