"""Shapes of several kinds, as a source may hold them for one scene, brought to one kind.

Shapes become a lesser kind (polygons, oriented boxes, boxes), never a greater one: those of a
lesser kind than the one wanted are lost.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from utils.issues import IssueReport
from utils.labels.objects import UNREADABLE_LABEL, nothing_is_there
from utils.shapes.outlines import bounds_of
from utils.shapes.shapes import ShapeKind, Shapes

LESSER_KIND = "shape of a lesser kind"
SEVERAL_CLASSES = "image with several classes"
BESIDE_CLASS = "shapes beside the class of the image"


@dataclass(slots=True)
class Brought:
    """Shapes that were brought to a lesser kind, counted so that each is reported once.

    Attributes:
        counts: By notice, how many shapes there were, and the first scene that has one.
    """

    counts: dict[str, tuple[int, str]] = field(default_factory=dict)

    def add(self, notice: str, scene_id: str, count: int) -> None:
        """Count shapes of a scene."""
        met, first = self.counts.get(notice, (0, scene_id))
        self.counts[notice] = (met + count, first)

    def report(self, source: str, report: IssueReport) -> None:
        """Note everything counted so far as issues of the source."""
        for notice, (count, first) in self.counts.items():
            detail = f"{notice}, {count} times, first in {first}"
            report.add(source, notice, detail, set_aside=False)


def least_kind(kinds: Iterable[ShapeKind]) -> ShapeKind | None:
    """The kind that shapes of all these kinds can become; None where there are none.

    The class of an image has no place, so that it counts only where it is alone.
    """
    met = set(kinds)
    shapes = [kind for kind in ShapeKind if kind in met and kind.has_places]
    return shapes[0] if shapes else next(iter(met), None)


def one_kind(
    scene_id: str,
    held: Sequence[Shapes],
    wanted: ShapeKind | None,
    brought: Brought,
    report: IssueReport,
) -> tuple[Shapes | None, int]:
    """The shapes of a scene, all of one kind.

    Args:
        scene_id: Name of the scene in reports.
        held: Its shapes, those of one kind together; none where the scene is unlabelled.
        wanted: Kind of the result; None for the least kind among them.
        brought: Receives shapes that become a lesser kind.
        report: Receives shapes that are lost.

    Returns:
        The shapes, or None for an unlabelled scene, and how many are lost.
    """
    if not held:
        return None, 0
    filled = [shapes for shapes in held if len(shapes)]
    kind = wanted or least_kind(shapes.kind for shapes in filled) or held[0].kind
    kept: list[Shapes] = []
    lost = 0
    for shapes in filled:
        if shapes.kind == kind:
            kept.append(_with_own_hulls(shapes))
        elif kind.is_lesser_than(shapes.kind):
            brought.add(f"{shapes.kind.noun} brought to {kind.noun}", scene_id, len(shapes))
            kept.append(shapes.brought_to(kind))
        else:
            lost += _lost(scene_id, shapes, kind, filled, report)
    if not kept:
        return (None if lost and not kind.has_places else Shapes(kind=kind)), lost
    together = Shapes.concatenated(kept) if len(kept) > 1 else kept[0]
    return (together, lost) if kind.has_places else _one_class(scene_id, together, report)


def _with_own_hulls(shapes: Shapes) -> Shapes:
    """The shapes with the hulls of their outlines, not the boxes that a file gives."""
    if shapes.outlines is None:
        return shapes
    return replace(shapes, xyxy=bounds_of(shapes.outlines))


def _lost(
    scene_id: str,
    shapes: Shapes,
    kind: ShapeKind,
    filled: Sequence[Shapes],
    report: IssueReport,
) -> int:
    """Report shapes that cannot become a kind, and return how many are lost."""
    if not shapes.kind.has_places:
        return _without_place(scene_id, shapes, report)
    if not kind.has_places and any(part.kind == kind for part in filled):
        detail = f"{len(shapes)} {shapes.kind.noun} are not used beside the class of the image"
        report.add(scene_id, BESIDE_CLASS, detail, set_aside=False)
        return 0
    detail = f"{len(shapes)} {shapes.kind.noun} cannot become {kind.noun} and are left out"
    report.add(scene_id, LESSER_KIND, detail, set_aside=False, lost=len(shapes))
    return len(shapes)


def _without_place(scene_id: str, classes: Shapes, report: IssueReport) -> int:
    """Report classes of the whole image where places are wanted, but for "nothing is there"."""
    somewhere = [label for label in classes.labels if not nothing_is_there(label)]
    for label in somewhere:
        detail = f"its class '{label}' says that something is there, but not where"
        report.add(scene_id, UNREADABLE_LABEL, detail, set_aside=False, lost=1)
    return len(somewhere)


def _one_class(scene_id: str, classes: Shapes, report: IssueReport) -> tuple[Shapes | None, int]:
    """The class of a scene; a scene with several classes is unlabelled."""
    names = list(dict.fromkeys(classes.labels))
    if len(names) == 1:
        return classes.select([0]), 0
    detail = f"it has the classes {', '.join(names)}, and one is wanted; it is left unlabelled"
    report.add(scene_id, SEVERAL_CLASSES, detail, set_aside=False, lost=1)
    return None, 1
