"""The page of picked tiles: tiles to review next, and the reasons."""

from __future__ import annotations

from collections import Counter
from itertools import islice

from markupsafe import Markup

from utils.feedback.noted import SOURCE
from utils.feedback.picked import PickedTile, PickedTiles, Reason
from utils.feedback.sendable import boxes_kept_back, boxes_to_send, told_about
from utils.reports.charts import bars
from utils.reports.page import columns, facts, joined, page, paragraph, section, table
from utils.reports.pictures import legend, sheet, tile_picture
from utils.shapes.shapes import Shapes

_PICTURED = 60
_SHORT = 23  # characters, 12 of which are of the hash
_LISTED = 200
_MEANINGS = {
    Reason.TAGGED: "tagged by a person in FiftyOne",
    Reason.UNCERTAIN: "the detector could not decide about what it found on it",
    Reason.DISAGREES: "the detector is sure, and its labels say something else",
    Reason.NOVEL: "its features differ from those of all labelled tiles",
    Reason.OUTLIER: "its features are unlike those of the training set",
    Reason.DRIFTED: "its brightness, contrast or sharpness are unlike those of the test split",
    Reason.RANDOM: "drawn at random, so that reviews stay a fair sample",
    Reason.WAITING: "sent earlier, and nobody has reviewed it yet",
}


def picked_page(picked: PickedTiles) -> str:
    """Make the page; the images of the first tiles are opened.

    Args:
        picked: Picked tiles, most useful first.
    """
    reasons: Counter[str] = Counter()
    scenes: Counter[str] = Counter()
    for one in picked:
        reasons[one.reason.value] += 1
        scenes[_shown(one.tile.scene_id)] += 1
    first = list(islice(picked, _LISTED))
    labeled = any(one.tile.shapes is not None for one in first)
    pictures = map(_picture, first[:_PICTURED])
    return page(
        "Picked tiles",
        "The tiles that would teach the detector most, in the order in which to review them.",
        facts({"Tiles": len(picked), "Scenes": len(scenes)}),
        columns(
            section("Why", bars(dict(reasons.most_common())), _meanings(reasons)),
            section("From which scenes", bars(dict(scenes.most_common()))),
        ),
        section("Tiles", paragraph(f"{told_about(picked)}."), _key(labeled), sheet(pictures)),
        section("One by one", _table(first)),
    )


def _meanings(reasons: Counter[str]) -> Markup:
    lines = (f"{reason.value}: {text}" for reason, text in _MEANINGS.items() if reasons[reason])
    return joined(map(paragraph, lines))


def _key(labeled: bool) -> Markup:
    return legend(
        truth="ground truth" if labeled else "",
        found="sent to people",
        faint="below the minimum score: not sent",
    )


def _picture(one: PickedTile) -> Markup:
    tile = one.tile
    place = f"{_shown(tile.scene_id)} at {tile.window.x}, {tile.window.y}"
    caption = f"{one.rank}. {one.reason.value}, {place}"
    return tile_picture(
        tile.uri,
        tile.sha256,
        tile.window,
        caption,
        tile.shapes,
        found=boxes_to_send(one),
        faint=boxes_kept_back(one),
    )


def _shown(scene_id: str) -> str:
    """The id of a scene, short where it is the hash of an image from production."""
    return f"{scene_id[:_SHORT]}…" if scene_id.startswith(f"{SOURCE}/") else scene_id


def _table(first: list[PickedTile]) -> Markup:
    headings = ["Tile", "Why", "Priority", "Uncertainty", "Disagreement", "Novelty"]
    headings += ["Outlier", "Drift", "Proposals sent", "Proposals not sent"]
    rows = (
        (
            one.tile.tile_id,
            one.reason.value,
            one.priority,
            one.uncertainty,
            one.disagreement,
            one.novelty,
            one.outlier,
            one.drift,
            _count(boxes_to_send(one)),
            _count(boxes_kept_back(one)),
        )
        for one in first
    )
    return table(headings, rows)


def _count(shapes: Shapes | None) -> int | None:
    return None if shapes is None else len(shapes)
