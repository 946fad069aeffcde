"""The columns of a Hugging Face dataset that hold images and labels."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from utils.labels.coco_places import outline_of
from utils.labels.objects import (
    UNKNOWN_CLASS,
    Hull,
    ImageLabels,
    LabelledObject,
    class_name,
    coordinate,
    frame_of,
)
from utils.labels.places import upright
from utils.scenes.mask_mapping import MaskMapping
from utils.scenes.options import BoxFormat
from utils.shapes.shapes import ShapeKind

BOXES, CLASSES = "spyglass boxes", "spyglass classes"  # columns of rows that were gathered
_CORNER_NAMES = (
    ("xmin", "ymin", "xmax", "ymax"),
    ("x1", "y1", "x2", "y2"),
    ("left", "top", "right", "bottom"),
)
_HULLS: dict[BoxFormat, Callable[[float, float, float, float], Hull]] = {
    "xyxy": lambda x1, y1, x2, y2: (x1, y1, x2, y2),
    "yxyx": lambda y1, x1, y2, x2: (x1, y1, x2, y2),
    "xywh": lambda x, y, width, height: (x, y, x + width, y + height),
    "cxcywh": upright,
}


@dataclass(frozen=True, slots=True)
class LabelColumns:
    """Where the labels of a row are and what their classes are called.

    Attributes:
        boxes: Column of the boxes, or None; dots lead into nested columns.
        categories: Column of the classes, or None where all boxes are of the only class.
        box_format: The form of the boxes.
        class_names: As the dataset's features name its numbers; empty where they do not.
        configured_names: As the configuration does.
        renamed: Classes that the configuration renames.
        one_box_a_row: Whether a row holds one box, so that rows of one image must be gathered.
        outlines: Column of the outlines, or None.
        of_images: Whether the classes are those of whole images.
        masks: Column of the masks of whole images, and the classes of their values, or None.
    """

    boxes: str | None
    categories: str | None
    box_format: BoxFormat
    class_names: tuple[str, ...]
    configured_names: tuple[str, ...]
    renamed: frozenset[str] = frozenset()
    one_box_a_row: bool = False
    outlines: str | None = None
    of_images: bool = False
    masks: tuple[str, MaskMapping] | None = None

    @property
    def kinds(self) -> tuple[ShapeKind, ...]:
        """The kinds that the columns hold."""
        if self.of_images:
            return (ShapeKind.CLASSIFY,)
        has_outlines = self.outlines is not None or self.masks is not None
        return (ShapeKind.SEGMENT,) if has_outlines else (ShapeKind.DETECT,)

    def labels_of(self, row: Mapping[str, Any]) -> ImageLabels | None:
        """The labels of a row; None where it has none at all.

        Args:
            row: Row of the dataset, or several of one image gathered.

        Raises:
            ValueError: If there are not as many classes as boxes, or the columns are not as the
                features say.
        """
        if self.of_images:
            return self._class_of(row)
        boxes, categories = self._found(row)
        if boxes is None:
            return None
        outlines = self._outlines(row, len(boxes))
        if categories is None or len(categories) != len(boxes):
            given = "no" if categories is None else len(categories)
            raise ValueError(f"it has {len(boxes)} boxes and {given} classes")
        labels = ImageLabels(frame=frame_of(row.get("width"), row.get("height")))
        found = zip(boxes, outlines, categories, strict=True)
        for number, (box, outline, category) in enumerate(found):
            self._add(labels, number, box, outline, category)
        return labels

    def _class_of(self, row: Mapping[str, Any]) -> ImageLabels | None:
        """The class of the image of a row; None where it has none."""
        value = value_of(row, str(self.categories))
        if value is None or value == "":
            return None
        name = self._name_of(value)
        if name is not None:
            return ImageLabels([LabelledObject.of_image(name)])
        labels = ImageLabels(is_labelled=False)
        labels.add_fault(f"its class {value!r:.60} has no name", UNKNOWN_CLASS)
        return labels

    def _outlines(self, row: Mapping[str, Any], count: int) -> list[Any]:
        """The outline of each box of a row; None where there is none."""
        if self.outlines is None:
            return [None] * count
        outlines = _values(row, self.outlines) or []
        if len(outlines) != count:
            raise ValueError(f"it has {count} boxes and {len(outlines)} outlines")
        return outlines

    def _found(self, row: Mapping[str, Any]) -> tuple[list[Any] | None, list[Any] | None]:
        if self.one_box_a_row:
            return list(row[BOXES]), list(row[CLASSES])
        try:
            boxes = _values(row, str(self.boxes or self.outlines))
            if self.categories is None:
                return boxes, [0] * len(boxes or ())
            return boxes, _values(row, self.categories)
        except (KeyError, TypeError):
            raise ValueError("its labels have another form than the columns promise") from None

    def _add(
        self, labels: ImageLabels, number: int, box: object, outline: object, category: object
    ) -> None:
        hull = _hull(box, self.box_format) if self.boxes is not None else None
        place = outline_of(outline, labels) if outline is not None else None
        name = self._name_of(category)
        if name is None:
            detail = f"box {number} has class {category!r:.60}, which has no name"
            labels.add_fault(detail, UNKNOWN_CLASS)
        elif place is not None:
            xyxy = place.xyxy if hull is None else hull
            labels.objects.append(LabelledObject(name, *place._replace(xyxy=xyxy)))
        elif hull is None:
            labels.add_fault(f"box {number} ('{name}') is not four numbers: {box!r:.80}")
        else:
            labels.objects.append(LabelledObject(name, hull))

    def _name_of(self, category: object) -> str | None:
        """The name of a class; None for a number without a name."""
        names = self.class_names or self.configured_names
        if isinstance(category, str):
            text = class_name(category)
            is_number = text is not None and text.isdecimal() and bool(names) and text not in names
            if not is_number:
                return text
        number = coordinate(category)
        if not math.isfinite(number) or number != int(number):
            return None
        if names:
            return names[int(number)] if 0 <= number < len(names) else None
        return str(int(number)) if str(int(number)) in self.renamed else None


def gathered(
    row: Mapping[str, Any], columns: LabelColumns, values: Sequence[Any]
) -> dict[str, Any]:
    """A row with the boxes and classes of several rows of its image.

    Args:
        row: The first of them.
        columns: Where each row has its box and class.
        values: All of them, in order.
    """
    boxes = [value_of(part, str(columns.boxes)) for part in values]
    classes = [value_of(part, columns.categories) if columns.categories else 0 for part in values]
    return {**row, BOXES: boxes, CLASSES: classes}


def value_of(row: Any, column: str) -> Any:
    """The value of a row in a column; dots lead into nested columns. None where it has none."""
    for part in column.split("."):
        row = row.get(part) if isinstance(row, Mapping) else None
    return row


def _hull(box: object, box_format: BoxFormat) -> Hull | None:
    """A box of any form as a hull; None where it is not four finite numbers."""
    if isinstance(box, Mapping):
        keys = next((keys for keys in _CORNER_NAMES if box.keys() >= set(keys)), None)
        if keys is not None:
            return _hull([box[key] for key in keys], "xyxy")
        box = [box.get(key) for key in ("x", "y", "width", "height")]
        box_format = "xywh"
    if not isinstance(box, Sequence) or isinstance(box, str) or len(box) != 4:
        return None
    first, second, third, fourth = (coordinate(value) for value in box)
    hull = _HULLS[box_format](first, second, third, fourth)
    return hull if all(map(math.isfinite, hull)) else None


def _values(row: Mapping[str, Any], column: str) -> list[Any] | None:
    """The values of a row in a column: a nested column is a list of mappings, or one of lists."""
    value: Any = row
    for part in column.split("."):
        if value is None:
            return None
        value = [inner[part] for inner in value] if isinstance(value, list) else value[part]
    return None if value is None else list(value)
