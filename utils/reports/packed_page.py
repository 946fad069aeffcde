"""The page of a bundle's evaluation: as packed, beside its detector and the bundle before."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from markupsafe import Markup
from PIL import Image

from utils.evaluation.evaluation import WorstTile
from utils.evaluation.packed import TOLERANCE, EarlierBundle, PackedEvaluation
from utils.evaluation.tide_errors import ERROR_KINDS, matched_in_classes
from utils.reports.evaluation_page import curve_sections
from utils.reports.page import Number, facts, page, paragraph, section, table, warning
from utils.reports.pictures import caption_alone, legend, picture, sheet

_HEADLINE = ("mAP50", "mAP50-95", "F1", "top1")
_DIGEST_CHARACTERS = 12


def packed_page(packed: PackedEvaluation) -> str:
    """Make the page: verdict, scores beside the detector's, curves, worst tiles, bundle before."""
    title = "Deployable" if packed.passes else "Not deployable"
    verdict = paragraph(packed.verdict) if packed.passes else warning(packed.verdict)
    evaluation = packed.evaluation
    return page(
        f"{title}: bundle of version {packed.version} of {packed.model}",
        _summary(packed),
        verdict,
        facts(
            {
                **{name: packed.scores[name] for name in _HEADLINE if name in packed.scores},
                "Milliseconds per tile": evaluation.milliseconds,
                "Bundle": packed.digest[:_DIGEST_CHARACTERS],
            }
        ),
        section("Beside the detector", *_beside_detector(packed)),
        *curve_sections(evaluation),
        section("Worst tiles", *_worst(evaluation.worst)),
        section("Beside the bundle before", *_beside_before(packed, packed.before)),
    )


def _summary(packed: PackedEvaluation) -> str:
    tile = packed.evaluation.tile_scores
    return (
        f"Scores of the bundle, asked over HTTP, on the {packed.evaluation.split} split: "
        f"{tile.images:,} tiles of {tile.scenes:,} scenes that its detector was not trained on, "
        f"with {tile.boxes:,} true {tile.kind.noun}."
    )


def _beside_detector(packed: PackedEvaluation) -> tuple[Markup, Markup]:
    rows = [
        (name, packed.scores.get(name), packed.own.get(name), Number("{:+.5f}").format(difference),
         abs(difference) <= TOLERANCE)
        for name, difference in packed.differences.items()
    ]  # fmt: skip
    note = (
        "The test tiles were sent to the packed bundle over HTTP, and its answers evaluated as the "
        f"detector's own predictions are; a difference of {TOLERANCE} is allowed."
    )
    return paragraph(note), table(["Score", "Packed", "Detector", "Difference", "Within"], rows)


def _beside_before(packed: PackedEvaluation, before: EarlierBundle | None) -> tuple[Markup, ...]:
    if before is None:
        return (paragraph("No bundle of this model was evaluated before."),)
    rows = [
        (name, packed.scores[name], before.scores[name], packed.scores[name] - before.scores[name])
        for name in packed.scores
        if name in before.scores
    ]
    same = (
        "the same tiles" if before.same_tiles else "other tiles, so that the scores hardly compare"
    )
    note = f"The bundle of version {before.version} was evaluated on {same}."
    headings = ["Score", f"Version {packed.version}", f"Version {before.version}", "Difference"]
    return paragraph(note), table(headings, rows)


def _worst(tiles: Sequence[WorstTile]) -> tuple[Markup, ...]:
    if not tiles:
        return (paragraph("No tile has a mistake."),)
    meanings = legend(
        truth="ground truth that was found",
        missed="missed",
        found="found",
        wrong="false alarm",
    )
    return meanings, sheet((_picture(tile) for tile in tiles), cell=240)


def _picture(tile: WorstTile) -> Markup:
    mistakes = [f"{tile.errors[kind]} {kind}" for kind in ERROR_KINDS if kind in tile.errors]
    caption = f"{', '.join(mistakes)} · {tile.tile_id}"
    if not tile.picture.is_file():
        return caption_alone(f"{caption} (no image)")
    matched = matched_in_classes(tile.found, tile.truth)
    is_seen = np.isin(np.arange(len(tile.truth)), matched)
    with Image.open(tile.picture) as image:
        return picture(
            image,
            (tile.width, tile.height),
            caption,
            truth=tile.truth.select(is_seen),
            missed=tile.truth.select(~is_seen),
            found=tile.found.select(matched >= 0),
            wrong=tile.found.select(matched < 0),
            side=480,
        )
