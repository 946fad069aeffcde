"""Images that know their place, with labels on the map in vector files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from utils.errors import GeoreferenceError
from utils.images.georeference import NOT_PLACED
from utils.issues import IssueReport
from utils.labels import places
from utils.labels.objects import (
    NO_IMAGE,
    NO_LABEL,
    UNREADABLE_LABEL,
    ImageLabels,
    LabelledObject,
)
from utils.scenes.frames import ImageFrame, frame_if_readable
from utils.scenes.image_files import bytes_of, images_below, scene_from
from utils.scenes.map_labels import MapLabels, read_map_labels, tag_of
from utils.scenes.mirror import dataset_folder
from utils.scenes.options import GisSource
from utils.scenes.scene import Scene, SceneSource
from utils.scenes.selection import WHOLE, Selection
from utils.scenes.settle import Notices, settled
from utils.shapes.outlines import polygonal
from utils.shapes.shapes import ShapeKind

CUT = "label cut by the border of its image"
SLIVER = "label of which an image shows too little"
_WHOLE = 1 - 1e-3  # share of a polygon inside an image that counts as all of it


def open_gis(options: GisSource) -> SceneSource:
    """Open a folder of images and the vector files that label them; the files are read whole.

    Raises:
        SourceError: If a folder or file is missing, or no file can be read.
        ConfigurationError: If a file has no such attribute, or names no reference system.
        StoreError: If the bucket cannot be read.
    """
    dataset = dataset_folder(options.path)
    root = dataset.root
    images = images_below(root)
    files, issues = read_map_labels(root, options)
    name = options.name or root.name

    def read(report: IssueReport, selection: Selection) -> Iterator[Scene]:
        notices = Notices()
        if selection.shard == 0:
            report.extend(issues)
        without = []
        for image, copy in dataset.fetched(selection.of(images), report):
            scene = scene_from(name, root, image, None, copy)
            labels, tags = _labels_of(scene, files, options, notices, report)
            if labels is None or not (labels.objects or labels.faults):
                without.append(image)
            if labels is not None:
                scene = settled(scene, labels, image, notices, report, shares_possible=False)
            yield replace(scene, tags=tuple(dict.fromkeys((*scene.tags, *tags))))
        notices.report(name, report)
        _tell_without(name, without, options, report)
        if selection == WHOLE and options.max_scenes is None:
            _tell_unmet(files, report)

    classes = sorted({label for one in files for label in one.names if label is not None})
    held = sum((Counter({one.kind: len(one.file)}) for one in files), Counter[ShapeKind]())
    return SceneSource(name, tuple(classes), len(images), read, lambda: bytes_of(images), held=held)


def _labels_of(
    scene: Scene,
    files: Sequence[MapLabels],
    options: GisSource,
    notices: Notices,
    report: IssueReport,
) -> tuple[ImageLabels | None, list[str]]:
    """The labels of a scene and the tags that they give it; None where its place is not known."""
    frame = frame_if_readable(scene.path)
    if frame is None:
        return None, []  # told when the image is read
    if scene.georeference is None:
        detail = "it does not know its place, so no label is found for it"
        report.add(scene.id, NOT_PLACED, detail, set_aside=False)
        return None, []
    labels = ImageLabels(frame=frame.size)
    tags: list[str] = []
    for one in files:
        try:
            positions, outlines = one.near(scene.georeference, frame)
        except GeoreferenceError as error:
            labels.add_fault(f"the polygons of {one.file.path.name}: {error}", UNREADABLE_LABEL, 0)
            continue
        for position, outline in zip(positions, outlines, strict=True):
            found = _object(one, position, outline, frame, options, notices)
            if found is not None:
                labels.objects.append(found)
                values = (one.file.attributes[name][position] for name in options.tag_columns)
                tags.extend(filter(None, map(tag_of, values)))
    labels.is_labelled = bool(labels.objects) or options.without_labels == "empty"
    return labels, tags


def _object(
    one: MapLabels,
    position: int,
    outline: Any,
    frame: ImageFrame,
    options: GisSource,
    notices: Notices,
) -> LabelledObject | None:
    """A polygon as a label of an image; None where it lies outside or has no class."""
    import shapely

    item = f"{one.file.path.name}, feature {one.file.numbers[position]}"
    window = shapely.box(0, 0, *frame.size)
    outline = outline if outline.is_valid else shapely.make_valid(outline)
    (inside,) = polygonal(np.array([shapely.intersection(outline, window)], dtype=object))
    if not inside.area:
        return None
    one.met[position] = True
    label = one.names[position]
    if label is None:
        return None
    share = inside.area / outline.area
    if share < options.min_visibility:
        notices.add(SLIVER, item)
        return None
    if share < _WHOLE:
        notices.add(CUT, item)
    return LabelledObject(
        label, *_place(one.kind, outline, inside, is_whole=outline.within(window))
    )


def _place(kind: ShapeKind, outline: Any, inside: Any, *, is_whole: bool) -> places.Place:
    if kind.is_upright:
        x1, y1, x2, y2 = inside.bounds
        return places.Place((x1, y1, x2, y2))
    if kind.is_oriented:
        # Cut where labels of every source are cut: at the border of the image.
        corners = [tuple(point) for point in outline.exterior.coords[:-1]]
        return places.corners(corners) or places.of_polygon(outline, "outline")
    return places.of_polygon(outline if is_whole else inside, "outline")


def _tell_without(
    name: str, images: Sequence[Path], options: GisSource, report: IssueReport
) -> None:
    if images:
        detail = (
            f"in {len(images)} images no polygon lies, first {images[0].name}; they are taken as"
        )
        report.add(name, NO_LABEL, f"{detail} {options.without_labels}", set_aside=False)


def _tell_unmet(files: Sequence[MapLabels], report: IssueReport) -> None:
    for one in files:
        if count := int((~one.met).sum()):
            first = one.file.numbers[np.flatnonzero(~one.met)[0]]
            detail = f"{count} polygons lie in no image, the first is feature {first}"
            report.add(one.file.path, NO_IMAGE, detail, set_aside=False)
