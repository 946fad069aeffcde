"""From what a label file says of an image to the shapes of its scene: the one way for all readers.

Coordinates become pixels of the upright image, and everything that is mended, guessed or left out
is reported: losses at once, recurring notices once for the whole source.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from utils.issues import IssueReport
from utils.labels.objects import (
    DIFFICULT,
    SCORED_BOX,
    UNREADABLE_LABEL,
    Fault,
    Hull,
    ImageLabels,
    LabelledObject,
)
from utils.scenes.frames import (
    OTHER_SIZE,
    TURNED,
    FrameRule,
    ImageFrame,
    frame_if_readable,
    frame_rule,
    in_pixels,
    is_turn_unknown,
    outline_in_pixels,
)
from utils.scenes.scene import Scene
from utils.shapes.outlines import as_outlines
from utils.shapes.shapes import Shapes

SCORES = "score beside a label is not used"
_FAULTS_IN_FULL = 3


@dataclass(slots=True)
class Notices:
    """Things that recur in many files of a source, counted so that each is reported once.

    Attributes:
        counts: By kind, how often it was met and the first item it was met in.
    """

    counts: dict[str, tuple[int, str]] = field(default_factory=dict)

    def add(self, kind: str, item: object, count: int = 1) -> None:
        """Count something met in an item."""
        if count:
            met, first = self.counts.get(kind, (0, str(item)))
            self.counts[kind] = (met + count, first)

    def report(self, source: str, report: IssueReport) -> None:
        """Note everything counted so far as issues of the source, none of which loses anything."""
        for kind, (count, first) in self.counts.items():
            detail = f"{kind}, {count} times, first in {first}"
            report.add(source, kind, detail, set_aside=False)


def settled(
    scene: Scene,
    labels: ImageLabels,
    item: object,
    notices: Notices,
    report: IssueReport,
    *,
    image: ImageFrame | None = None,
    shares_possible: bool = True,
) -> Scene:
    """The scene with the labels that belong to it, in pixels of its upright image.

    Each kind of shape is kept as it is; `SceneSource.read` brings them to one.

    Args:
        scene: A scene without labels.
        labels: As its label file has them.
        item: Name of the label file in reports.
        notices: Receives what is mended or converted.
        report: Receives the labels that are lost.
        image: Frame of the image; by default the header of the scene's image is read.
        shares_possible: Whether coordinates between 0 and 1 are shares of the image.
    """
    _report_faults(labels.faults, item, report)
    notices.add(DIFFICULT, item, labels.difficult)
    for kind, count in labels.unused.items():
        notices.add(kind, item, count)
    for found in labels.objects:
        if found.shape == SCORED_BOX:
            notices.add(SCORES, item)
        elif found.shape != "box" and found.kind.is_upright:
            notices.add(f"{found.shape} read as its hull", item)
    image = image or frame_if_readable(scene.path)
    objects, lost = labels.objects, labels.lost
    if image is not None:
        objects, more = _placed(labels, image, item, notices, report, shares_possible)
        lost += more
    tags = tuple(dict.fromkeys((*scene.tags, *labels.tags)))
    scene = replace(scene, lost=lost, group=scene.group or labels.group, tags=tags)
    if not objects and (labels.unused or not labels.is_labelled):  # not empty, as far as is known
        return replace(scene, shapes=None)
    first, *further = shapes_by_kind(objects, image)
    return replace(scene, shapes=first, further=tuple(further))


def _report_faults(faults: Sequence[Fault], item: object, report: IssueReport) -> None:
    """Note the faults of a label file, those of one kind together where they are many."""
    by_kind: dict[str, list[Fault]] = {}
    for fault in faults:
        by_kind.setdefault(fault.kind, []).append(fault)
    for kind, alike in by_kind.items():
        for fault in alike[:_FAULTS_IN_FULL]:
            report.add(item, kind, fault.detail, set_aside=False, lost=fault.lost)
        if rest := alike[_FAULTS_IN_FULL:]:
            lost = sum(fault.lost for fault in rest)
            detail = f"{len(rest)} more like these; the last: {rest[-1].detail}"
            report.add(item, kind, detail, set_aside=False, lost=lost)


def _placed(
    labels: ImageLabels,
    image: ImageFrame,
    item: object,
    notices: Notices,
    report: IssueReport,
    shares_possible: bool,
) -> tuple[list[LabelledObject], int]:
    """The objects in pixels of the image, and the number of those that have no place in it."""
    rule = frame_rule(labels, image, shares_possible=shares_possible)
    count = len(labels.objects)
    if not rule.usable:
        detail = f"it states {_sizes(labels, image)}, so that its {count} labels cannot be placed"
        report.add(item, OTHER_SIZE, detail, set_aside=False, lost=count)
        return [], count
    if rule.kind == OTHER_SIZE:  # by little, or by exchanged sides: taken for pixels of the image
        notices.add(OTHER_SIZE, f"{item}, which states {_sizes(labels, image)}")
    elif count and rule.kind:
        notices.add(rule.kind, item)
    elif count and is_turn_unknown(labels, image):
        notices.add(TURNED, item)
    return _larger_than_a_pixel(labels.objects, rule, image, item, report)


def _sizes(labels: ImageLabels, image: ImageFrame) -> str:
    width, height = labels.frame or image.size
    return f"{width:g} x {height:g}, but the image has {image.size[0]:g} x {image.size[1]:g} pixels"


def _larger_than_a_pixel(
    objects: list[LabelledObject],
    rule: FrameRule,
    image: ImageFrame,
    item: object,
    report: IssueReport,
) -> tuple[list[LabelledObject], int]:
    """The objects in pixels, without those within one pixel: shares among pixels, and slips."""
    kept = []
    for found in objects:
        if not found.kind.has_places:
            kept.append(found)
            continue
        hull = in_pixels(found.xyxy, rule, image.size)
        if 0 < hull[2] - hull[0] < 1 and 0 < hull[3] - hull[1] < 1 and max(image.size) > 1:
            detail = f"a box of '{found.label}' is smaller than a pixel: {_rounded(hull)}"
            report.add(item, UNREADABLE_LABEL, detail, set_aside=False, lost=1)
        else:
            outline = found.outline and outline_in_pixels(found.outline, rule, image.size)
            kept.append(replace(found, xyxy=hull, outline=outline))
    return kept, len(objects) - len(kept)


def _rounded(hull: Hull) -> list[float]:
    return [round(value, 3) for value in hull]


def shapes_by_kind(
    objects: Sequence[LabelledObject], image: ImageFrame | None
) -> tuple[Shapes, ...]:
    """The objects in pixels as shapes, those of one kind together; no boxes where there are none.

    Args:
        objects: In pixels of the upright image.
        image: Frame of the image, the place of its class; None where it cannot be read.
    """
    kinds = dict.fromkeys(found.kind for found in objects)
    parts = ([found for found in objects if found.kind == kind] for kind in kinds)
    return tuple(_shapes(part, image) for part in parts) or (Shapes(),)


def _shapes(objects: Sequence[LabelledObject], image: ImageFrame | None) -> Shapes:
    kind = objects[0].kind
    rows = np.asarray([found.xyxy for found in objects], dtype=np.float64).reshape(-1, 4)
    if not kind.has_places and image is not None:
        rows[:, 2:] = image.size
    outlines = as_outlines(found.outline for found in objects) if kind.has_outlines else None
    return Shapes(rows, tuple(found.label for found in objects), None, outlines, kind)
