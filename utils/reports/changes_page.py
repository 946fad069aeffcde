"""The page of the differences between two versions of a labelled dataset."""

from __future__ import annotations

from markupsafe import Markup

from utils.dataset.changes import DatasetChanges, TileChange
from utils.reports.page import NOTHING, Cell, facts, page, paragraph, section, table
from utils.reports.pictures import legend, sheet, tile_picture


def changes_page(changes: DatasetChanges, earlier: str, later: str) -> str:
    """Make the page.

    Args:
        changes: From `compare_datasets`.
        earlier: Name of the earlier version, or "" where there was none.
        later: Name of the later version.
    """
    since = f"Since {earlier}." if earlier else "There was no version before: everything is new."
    return page(
        f"Changes in {later}",
        since,
        facts(
            {
                "Tiles added": changes.tiles["added"],
                "Tiles changed": changes.tiles["changed"],
                "Tiles removed": changes.tiles["removed"],
                "Tiles as before": changes.tiles["same"],
                "Newly reviewed": changes.newly_reviewed,
            }
        ),
        section("Labels", _boxes(changes)),
        section("Labels by class", _classes(changes)),
        *(_tiles(changes, kind) for kind in ("changed", "added", "removed")),
    )


def _boxes(changes: DatasetChanges) -> Markup:
    kinds = ("kept", "moved", "added", "removed")
    row: list[Cell] = [changes.boxes[kind] for kind in kinds]
    note = "Moved: another place, size or class, overlapping the label that was there before."
    return table([kind.capitalize() for kind in kinds], [row]) + paragraph(note)


def _classes(changes: DatasetChanges) -> Markup:
    before, after = changes.classes_before, changes.classes_after
    names = sorted({*before, *after}, key=lambda name: (-after[name], name))
    rows = [(name, before[name], after[name], after[name] - before[name]) for name in names]
    return table(["Class", "Before", "After", "Difference"], rows)


def _tiles(changes: DatasetChanges, kind: str) -> Markup:
    shown = [change for change in changes.shown if change.kind == kind]
    if not shown:
        return NOTHING
    rest = changes.tiles[kind] - len(shown)
    return section(
        f"Tiles {kind}",
        legend(truth="now", found="before"),
        sheet(map(_picture, shown)),
        paragraph(f"and {rest:,} more") if rest else NOTHING,
    )


def _picture(change: TileChange) -> Markup:
    tile, boxes = change.tile, change.boxes
    counts = [
        f"{getattr(boxes, kind)} {kind}"
        for kind in ("kept", "moved", "added", "removed")
        if getattr(boxes, kind)
    ]
    changed = f"labels {', '.join(counts)}" if counts else "no labels"
    who = f", {tile.review.state} by {tile.review.by or 'somebody'}" if tile.review else ""
    caption = f"{tile.scene_id} at {tile.window.x}, {tile.window.y}: {changed}{who}"
    return tile_picture(
        tile.uri, tile.sha256, tile.window, caption, change.after, found=change.before
    )
