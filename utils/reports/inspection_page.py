"""The page of an inspected source: its scenes, labels and places, and its losses in an ingest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from markupsafe import Markup

from utils.errors import ImageError
from utils.issues import Issue, IssueReport
from utils.reports.charts import bars
from utils.reports.counting import ShapeCounts, shuffled
from utils.reports.issues_page import issues_section
from utils.reports.page import (
    NOTHING,
    columns,
    facts,
    page,
    paragraph,
    section,
    table,
    warning,
)
from utils.reports.pictures import caption_alone, key, picture, sheet
from utils.reports.scene_pictures import overview
from utils.shapes.outlines import from_geojson
from utils.shapes.shapes import ShapeKind, Shapes

_PICTURED = 12
_SIDE = 480
_LISTED = 300


def inspection_page(path: str, inspected: Mapping[str, Any]) -> str:
    """Make the page; the images of twelve scenes are opened.

    Args:
        path: The source as the user named it.
        inspected: From `utils.scenes.inspect.inspect`.
    """
    counts = ShapeCounts()
    for scene in inspected["scenes"]:
        shapes = _shapes(scene, inspected["shapes"])
        counts.add(Shapes() if shapes is None else shapes)
    issues = IssueReport([_shortened(Issue(**row), path) for row in inspected["issues"]])
    reason = f": {inspected['reason']}" if inspected["reason"] else ""
    return page(
        f"Preview of an ingest of {path}",
        f"Read as {inspected['kind']}{reason}. The source holds {inspected['held']}; "
        f"they are read as {ShapeKind(inspected['shapes']).noun}.",
        *(
            [warning(f"An ingest would be refused. {inspected['refused']}")]
            if inspected["refused"]
            else []
        ),
        _facts(inspected, issues),
        columns(
            section("Labels by class", counts.class_chart(inspected["classes"])),
            section("Labels by size", counts.size_chart()),
        ),
        section(
            "First scenes", key(), sheet(_pictures(inspected["scenes"], inspected["shapes"]), 300)
        ),
        *_passed_over(inspected["passed_over"]),
        issues_section(issues),
        section("Scenes", _scenes_table(inspected["scenes"])),
    )


def _shortened(issue: Issue, path: str) -> Issue:
    """The issue with paths relative to the source."""
    root = f"{Path(path).expanduser().resolve()}/"
    item, detail = (text.replace(root, "") for text in (issue.item, issue.detail))
    return replace(issue, item=item, detail=detail)


def _facts(inspected: Mapping[str, Any], issues: IssueReport) -> Markup:
    scenes = inspected["scenes"]
    return facts(
        {
            "Scenes": len(scenes),
            "Groups": len({scene["group"] for scene in scenes}),
            "Labels": sum(inspected["labels_by_class"].values()),
            "Labels lost": issues.labels_lost(),
            "Unlabelled scenes": sum(scene["labels"] is None for scene in scenes),
            "Empty scenes": sum(scene["labels"] == [] for scene in scenes),
            "Georeferenced": sum(scene["crs"] is not None for scene in scenes),
            "Items set aside": issues.items_set_aside(),
        }
    )


def _passed_over(files: Mapping[str, int]) -> list[Markup]:
    if not files:
        return []
    return [section("Files passed over", bars(dict(Counter(files).most_common())))]


def _shapes(scene: Mapping[str, Any], kind: str) -> Shapes | None:
    labels = scene["labels"]
    if labels is None:
        return None
    names = tuple(label["class"] for label in labels)
    if labels and ShapeKind(kind).has_outlines:
        outlines = from_geojson([label["outline"] for label in labels])
        return Shapes.of_outlines(outlines, names, kind=ShapeKind(kind))
    rows = np.array([label["xyxy"] for label in labels], dtype=np.float64).reshape(-1, 4)
    return Shapes(rows, names, kind=ShapeKind(kind))


def _pictures(scenes: Sequence[Mapping[str, Any]], kind: str) -> Iterator[Markup]:
    """Yield pictures of a fair sample of the scenes, scenes with labels first."""
    ordered = sorted(scenes, key=lambda scene: (not scene["labels"], shuffled(scene["id"])))
    for scene in ordered[:_PICTURED]:
        size = scene["width"], scene["height"]
        labels = "unlabelled" if scene["labels"] is None else f"{len(scene['labels'])} labels"
        caption = f"{scene['id']}, {size[0]} x {size[1]}, {labels}"
        try:
            image = overview(Path(scene["file"]), *size, _SIDE)
        except ImageError as error:
            yield caption_alone(str(error))
            continue
        yield picture(image, size, caption, truth=_shapes(scene, kind), side=_SIDE)


def _scenes_table(scenes: Sequence[Mapping[str, Any]]) -> Markup:
    headings = ["Scene", "Width", "Height", "Labels", "Group", "Tags", "Place"]
    rows = (
        (
            scene["id"],
            scene["width"],
            scene["height"],
            None if scene["labels"] is None else len(scene["labels"]),
            scene["group"] if scene["group"] != scene["id"] else "",
            ", ".join(scene["tags"]),
            _place(scene["centre_lon_lat"]),
        )
        for scene in scenes[:_LISTED]
    )
    left_out = len(scenes) - _LISTED
    more = paragraph(f"and {left_out:,} more") if left_out > 0 else NOTHING
    return table(headings, rows, names=True) + more


def _place(centre: Sequence[float] | None) -> str:
    return "" if centre is None else f"{centre[1]:.5f}, {centre[0]:.5f}"
