"""Inspection: the scenes and labels that an ingest would read, found without writing anything.

Every image is decoded once, since only then is its damage known.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from utils.errors import GeoreferenceError, ImageError, SourceError, TooManyIssuesError
from utils.images.damage import DamageSigns
from utils.images.files import image_facts
from utils.images.options import PixelOptions
from utils.images.reader import read_strips
from utils.issues import IssueReport
from utils.progress import progress
from utils.scenes.coverage import coverage_of
from utils.scenes.held_shapes import chosen_kind, held_shapes
from utils.scenes.kinds import find_kind, source_options
from utils.scenes.noted import damage_issues, image_issues
from utils.scenes.options import SourceOptions
from utils.scenes.places import centre_of
from utils.scenes.region_choice import check_regions
from utils.scenes.scene import Scene, SceneSource
from utils.scenes.sources import open_source
from utils.scenes.usable import usable_labels
from utils.shapes.outlines import to_geojson
from utils.shapes.shapes import ShapeKind, Shapes

UNREADABLE = "image cannot be read"
_ROWS = 512
_LIMIT = "source.max_bad_share"


def inspect(
    kind: str | None, path: str, *, shapes: ShapeKind | None = None, **options: Any
) -> dict[str, Any]:
    """Say what an ingest would make of a source.

    Args:
        kind: As in `source.kind` of a configuration; None recognizes it by the files.
        path: A folder, `gs://bucket/prefix`, or the id of a dataset on the Hugging Face hub.
        shapes: Kind to which the labels are brought; None for the least that the source holds.
        options: Further fields of the options of that kind, such as `classes`.

    Returns:
        Plain values, as `run.py --inspect PATH --json FILE` writes them: `kind`, `reason` (the sign
        that shows the kind, or None where it was given), `shapes` (the kind of the labels), `held`
        (the shapes that the source holds, in words; counted in its first scenes where they are
        many), `classes`, `labels_by_class`, `scenes`, `issues`, `passed_over` (files by suffix),
        and `refused` (the sentence with which an ingest would end, or None). Each scene has `id`,
        `path`, `file` (the image on this machine), `width`, `height`, `format`, `bands`, `dtype`,
        `labels` (None, or a list of `class`, `xyxy` and, for polygons and oriented boxes, `outline`
        (a geometry of GeoJSON), in pixels of the upright image), `group`, `tags`, `mean_rgb`,
        `crs`, `centre_lon_lat`, `share_in_regions` (None where it has no region) and
        `labels_outside_regions` (their number; these are not in `labels`).

    Raises:
        SourceError: If the source as a whole cannot be read.
        ConfigurationError: If the options do not fit the kind.
    """
    found = find_kind(path) if kind is None else None
    wanted = source_options(found.kind if found else str(kind), path, **options)
    source = open_source(wanted)
    report = IssueReport()
    held = held_shapes(source)
    chosen = chosen_kind(source.name, held, shapes)
    scenes = list(_inspected(source, report, chosen))
    labels = Counter(label["class"] for scene in scenes for label in scene["labels"] or [])
    return {
        "kind": wanted.kind,
        "reason": found.reason if found else None,
        "shapes": chosen.value,
        "held": str(held),
        "classes": list(source.class_names or sorted(labels)),
        "labels_by_class": dict(labels.most_common()),
        "scenes": scenes,
        "issues": report.to_rows(),
        "passed_over": dict(source.passed_over),
        "refused": _refusal(report, scenes, labels.total(), wanted),
    }


def _inspected(
    source: SceneSource, report: IssueReport, kind: ShapeKind
) -> Iterator[dict[str, Any]]:
    with progress("Reading (scenes)", source.scene_count) as advance:
        for scene in source.read(report, kind=kind):
            try:
                yield _scene_row(scene, report)
            except ImageError as error:
                report.add(scene.id, UNREADABLE, error)
            advance(1)


def _scene_row(scene: Scene, report: IssueReport) -> dict[str, Any]:
    facts = image_facts(scene.path)
    width, height = facts.size
    boxes, _, issues = usable_labels(scene, width, height)
    coverage = coverage_of(scene, width, height, PixelOptions())
    outside = 0
    if boxes is not None and boxes.kind.has_places:
        inside = boxes.select(coverage.inside(boxes.xyxy))
        boxes, outside = inside, len(boxes) - len(inside)
    damage = DamageSigns()
    mean = _mean_rgb(scene.path, damage)
    report.extend(image_issues(scene, PixelOptions()))
    report.extend(damage_issues(scene, damage, PixelOptions()))
    report.extend([*issues, *coverage.issues])
    return {
        "id": scene.id,
        "path": scene.location,
        "file": str(scene.path),
        "width": width,
        "height": height,
        "format": facts.format,
        "bands": facts.bands,
        "dtype": facts.dtype,
        "labels": None if boxes is None else _labels(boxes),
        "group": scene.group or scene.id,
        "tags": list(scene.tags),
        "mean_rgb": mean,
        "crs": scene.georeference.crs if scene.georeference else None,
        "centre_lon_lat": _centre(scene, width, height, report),
        "share_in_regions": coverage.share_inside(),
        "labels_outside_regions": outside,
    }


def _labels(shapes: Shapes) -> list[dict[str, Any]]:
    rows = zip(shapes.labels, shapes.xyxy.tolist(), strict=True)
    labels = [{"class": label, "xyxy": xyxy} for label, xyxy in rows]
    if shapes.outlines is None:
        return labels
    outlines = to_geojson(shapes.outlines)
    return [row | {"outline": outline} for row, outline in zip(labels, outlines, strict=True)]


def _mean_rgb(path: Path, damage: DamageSigns) -> list[float]:
    """Mean of red, green and blue over all pixels; decoding them shows whether the file is whole.

    Raises:
        ImageError: If the image does not decode.
    """
    total, count = np.zeros(3), 0
    for _, strip in read_strips(path, tile_size=_ROWS, overlap=0, damage=damage):
        total += strip.sum(axis=(0, 1), dtype=np.uint64)
        count += strip.shape[0] * strip.shape[1]
    return [round(value / count, 2) for value in total.tolist()]


def _centre(scene: Scene, width: int, height: int, report: IssueReport) -> list[float] | None:
    if scene.georeference is None:
        return None
    try:
        return list(centre_of(scene.georeference, width, height))
    except GeoreferenceError as error:
        report.add(scene.id, "not on the map", error, set_aside=False)
        return None


def _refusal(
    report: IssueReport, scenes: Sequence[Mapping[str, Any]], labels: int, options: SourceOptions
) -> str | None:
    """The sentence with which an ingest would end, as `merge_ingests` decides it."""
    outside = sum(scene["share_in_regions"] == 0 for scene in scenes)
    try:
        total = len(scenes) + report.items_set_aside()
        report.check_share(total, options.max_bad_share, "scenes", _LIMIT)
        report.check_left(len(scenes), "scenes")
        report.check_labels(labels, options.max_bad_share, _LIMIT)
        check_regions(report, len(scenes), windows=len(scenes), outside=outside)
    except (TooManyIssuesError, SourceError) as error:
        return str(error)
    return None
