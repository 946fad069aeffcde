"""The neutral form of labels: objects with a class and a hull, whichever file they come from."""

from __future__ import annotations

import math
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from utils.shapes.shapes import ShapeKind

Hull = tuple[float, float, float, float]
Size = tuple[float, float]

NO_IMAGE = "label without image"
UNREADABLE_LABEL = "label cannot be read"
UNKNOWN_CLASS = "unknown class"
NO_LABEL = "image without label"
CROWD_REGION = "crowd region left out"
FOUND_BY_NAME = "image found by its name alone"
SHARED_LABEL = "one label for several images"
SCORED_BOX = "box with a score"
DIFFICULT = "object marked as difficult"
NO_AREA = "label that marks no area"
SHARES: Size = (1.0, 1.0)
_LONGEST_NAME = 255
_NOTHING_THERE = {"empty", "blank", "nothing", "none", "background", "no animal"}


@dataclass(frozen=True, slots=True)
class LabelledObject:
    """One object of an image.

    Attributes:
        label: Class name.
        xyxy: Hull in the frame of its `ImageLabels`; nothing for a class of the whole image.
        shape: How the file describes it: `box`, or the name of another shape.
        outline: Its polygon in the same frame, or None for an upright box and for a class of the
            whole image.
        kind: Kind of the shape as the file holds it.
    """

    label: str
    xyxy: Hull
    shape: str = "box"
    outline: Any | None = None
    kind: ShapeKind = ShapeKind.DETECT

    @classmethod
    def of_image(cls, label: str) -> LabelledObject:
        """The class of the whole image."""
        return cls(label, (0.0, 0.0, 0.0, 0.0), "class", None, ShapeKind.CLASSIFY)

    @property
    def identity(self) -> tuple[str, Hull, bytes | None]:
        """Class, hull and outline, which are the same in two entries of one object."""
        return self.label, self.xyxy, None if self.outline is None else self.outline.wkb


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing in a label file that cannot be used.

    Attributes:
        kind: As in `Issue`.
        detail: As in `Issue`.
        lost: As in `Issue`.
    """

    kind: str
    detail: str
    lost: int = 1


@dataclass(slots=True)
class ImageLabels:
    """Everything that a label file says about one image.

    Attributes:
        objects: Objects that can be read.
        faults: Labels that cannot be read, and why.
        frame: Width and height of the image that the coordinates refer to, as the file states it;
            `SHARES` for shares of the image, None where the file does not say.
        unused: Number of labels and outlines that are not used, such as crowd regions and points,
            by the kind of their notice; an image that has these alone is not empty.
        difficult: Number of objects marked as difficult, which are among the objects.
        group: Site or sequence that the image belongs to, where the file names one.
        is_labelled: Whether anybody is said to have labelled the image; an image that nobody has
            labelled is not empty.
        tags: Facts about the image that the file states, such as `weather:rain`.
    """

    objects: list[LabelledObject] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    frame: Size | None = None
    unused: Counter[str] = field(default_factory=Counter)
    difficult: int = 0
    group: str | None = None
    is_labelled: bool = True
    tags: tuple[str, ...] = ()

    @property
    def lost(self) -> int:
        """The number of labels that could not be read."""
        return sum(fault.lost for fault in self.faults)

    def add_fault(self, detail: str, kind: str = UNREADABLE_LABEL, lost: int = 1) -> None:
        """Note something that cannot be used."""
        self.faults.append(Fault(kind, detail, lost))

    def extend(self, other: ImageLabels) -> None:
        """Add the labels of another entry of the same image; equal objects once.

        Labels of an entry that states another size are lost: their frame is not the first one's.
        """
        known = {found.identity for found in self.objects}
        more = [found for found in other.objects if found.identity not in known]
        if more and self.frame and other.frame and self.frame != other.frame:
            sizes = "{:g} x {:g} after {:g} x {:g}".format(*other.frame, *self.frame)
            self.add_fault(f"a second entry of the image states {sizes}", lost=len(more))
            more = []
        self.objects += more
        self.faults += other.faults
        self.frame = self.frame or other.frame
        self.unused += other.unused
        self.difficult += other.difficult
        self.group = self.group or other.group
        self.is_labelled = self.is_labelled or other.is_labelled
        self.tags = tuple(dict.fromkeys((*self.tags, *other.tags)))


def coordinate(value: object) -> float:
    """A number from whatever a label file holds; NaN when it is none."""
    if isinstance(value, str):
        if "_" in value:  # Python takes 1_0 for 10
            return math.nan
        value = value.strip().strip("\"'").strip()
        if value.count(",") == 1 and "." not in value:
            value = value.replace(",", ".")  # as half of Europe writes fractions
    try:
        return float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        return math.nan


def is_true(value: object) -> bool:
    """Whether a label file says yes: `true` or 1, also as text."""
    return str(value).lower() in ("1", "1.0", "true")


def class_name(value: object) -> str | None:
    """A class name from whatever a label file holds; None where it can be none.

    Names with control characters or lone surrogates, and endless ones, are refused: they could not
    be written to a table or shown by Label Studio.
    """
    if value is None or isinstance(value, dict | list):
        return None
    name = str(value).strip()
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in name):
        return None
    return name if 0 < len(name) <= _LONGEST_NAME else None


def tag_of(name: object, value: object) -> str | None:
    """A fact that a label file states, as the tag `name:value`; None for one that says nothing.

    Nothing is said by an empty value, by `false`, and by lists and mappings.
    """
    if isinstance(value, bool):
        value = "true" if value else None
    key, text = class_name(name), class_name(value)
    if key is None or text is None or text.lower() == "false":
        return None
    return class_name(f"{key}:{text}")


def tags_of(facts: Iterable[tuple[object, object]]) -> tuple[str, ...]:
    """Facts as tags, each once, without those that say nothing."""
    tags = (tag_of(name, value) for name, value in facts)
    return tuple(dict.fromkeys(tag for tag in tags if tag is not None))


def mapped_tags(facts: object) -> tuple[str, ...]:
    """The tags of a mapping of facts; none where a file holds something else there."""
    return tags_of(facts.items()) if isinstance(facts, Mapping) else ()


def frame_of(width: object, height: object) -> Size | None:
    """The size that a label file states; None where it states none that can be."""
    size = coordinate(width), coordinate(height)
    return size if all(math.isfinite(side) and side > 0 for side in size) else None


def has_area(hull: Hull) -> bool:
    """Whether a hull is finite and has an area."""
    return all(map(math.isfinite, hull)) and hull[2] > hull[0] and hull[3] > hull[1]


def nothing_is_there(label: str) -> bool:
    """Whether the name of a class says that an image shows nothing."""
    return label.lower() in _NOTHING_THERE


def are_shares(hulls: Sequence[Hull]) -> bool:
    """Whether coordinates are shares of the image, though their format counts pixels.

    All lie between 0 and 1, and some are fractions: as pixels, every box would be smaller than one.
    """
    values = [value for hull in hulls if has_area(hull) for value in hull]
    return (
        bool(values)
        and all(-1e-3 <= value <= 1 + 1e-3 for value in values)
        and any(value != round(value) for value in values)
    )
