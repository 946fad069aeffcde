"""The page of picked tiles: what people shall look at next, and why."""

from __future__ import annotations

from collections import Counter
from itertools import islice

from utils.feedback.picked import PickedTile, PickedTiles, Reason
from utils.reports.charts import bars
from utils.reports.page import Markup, columns, facts, page, paragraph, section, table
from utils.reports.pictures import key, sheet, tile_picture

_PICTURED = 60
_LISTED = 200
_MEANINGS = {
    Reason.TAGGED: "tagged by a person in FiftyOne",
    Reason.UNCERTAIN: "the detector could not decide about boxes on it",
    Reason.DISAGREES: "the detector is sure of something else than its labels say",
    Reason.NOVEL: "it looks unlike everything that is labelled",
    Reason.RANDOM: "drawn by chance, so that the sample stays honest",
    Reason.WAITING: "sent earlier, and nobody has reviewed it yet",
}


def picked_page(picked: PickedTiles) -> str:
    """The page; the images of the first tiles are opened.

    Args:
        picked: Those to look at first first.
    """
    reasons: Counter[str] = Counter()
    scenes: Counter[str] = Counter()
    for one in picked:
        reasons[one.reason.value] += 1
        scenes[one.tile.scene_id] += 1
    first = list(islice(picked, _LISTED))
    labeled = any(one.tile.boxes is not None for one in first)
    pictures = map(_picture, first[:_PICTURED])
    return page(
        "Picked tiles",
        "The tiles that would teach the detector most, in the order in which to look at them.",
        facts({"Tiles": len(picked), "Scenes": len(scenes)}),
        columns(
            section("Why", bars(dict(reasons.most_common())), _meanings(reasons)),
            section("From which scenes", bars(dict(scenes.most_common()))),
        ),
        section("Tiles", key(truth=labeled, found=True), sheet(pictures)),
        section("One by one", _table(first)),
    )


def _meanings(reasons: Counter[str]) -> Markup:
    lines = (f"{reason.value}: {text}" for reason, text in _MEANINGS.items() if reasons[reason])
    return Markup("".join(paragraph(line) for line in lines))


def _picture(one: PickedTile) -> Markup:
    tile = one.tile
    caption = f"{one.rank}. {one.reason.value}, {tile.scene_id} at {tile.window.x}, {tile.window.y}"
    return tile_picture(tile.uri, tile.sha256, tile.window, caption, tile.boxes, found=one.found)


def _table(first: list[PickedTile]) -> Markup:
    headings = ["Tile", "Why", "Priority", "Uncertainty", "Disagreement", "Novelty", "Boxes found"]
    rows = (
        (
            one.tile.tile_id,
            one.reason.value,
            one.priority,
            one.uncertainty,
            one.disagreement,
            one.novelty,
            None if one.found is None else len(one.found),
        )
        for one in first
    )
    return table(headings, rows)
