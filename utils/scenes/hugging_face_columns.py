"""The columns of a Hugging Face dataset that hold images and labels."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from utils.errors import ConfigurationError, SourceError
from utils.labels.hulls import centred
from utils.labels.objects import (
    UNKNOWN_CLASS,
    Hull,
    ImageLabels,
    LabelledObject,
    class_name,
    coordinate,
    frame_of,
)
from utils.scenes.options import BoxFormat, HuggingFaceSource

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
    "cxcywh": lambda x, y, width, height: centred(x, y, width, height),
}


@dataclass(frozen=True, slots=True)
class LabelColumns:
    """Where the boxes of a row are and what their classes are called.

    Attributes:
        boxes: Column of the boxes; dots lead into nested columns.
        categories: Column of their classes, or None where all boxes are of the only class.
        box_format: The form of the boxes.
        class_names: As the dataset's features name its numbers; empty where they do not.
        configured_names: As the configuration does.
        renamed: Classes that the configuration renames.
        one_box_a_row: Whether a row holds one box, so that rows of one image must be gathered.
    """

    boxes: str
    categories: str | None
    box_format: BoxFormat
    class_names: tuple[str, ...]
    configured_names: tuple[str, ...]
    renamed: frozenset[str] = frozenset()
    one_box_a_row: bool = False

    def labels_of(self, row: Mapping[str, Any]) -> ImageLabels | None:
        """The labels of a row; None where it has none at all.

        Args:
            row: Row of the dataset, or several of one image gathered.

        Raises:
            ValueError: If there are not as many classes as boxes, or the columns are not as the
                features say.
        """
        boxes, categories = self._found(row)
        if boxes is None:
            return None
        if categories is None or len(categories) != len(boxes):
            given = "no" if categories is None else len(categories)
            raise ValueError(f"it has {len(boxes)} boxes and {given} classes")
        labels = ImageLabels(frame=frame_of(row.get("width"), row.get("height")))
        for number, (box, category) in enumerate(zip(boxes, categories, strict=True)):
            self._add(labels, number, box, category)
        return labels

    def _found(self, row: Mapping[str, Any]) -> tuple[list[Any] | None, list[Any] | None]:
        if self.one_box_a_row:
            return list(row[BOXES]), list(row[CLASSES])
        try:
            boxes = _values(row, self.boxes)
            if self.categories is None:
                return boxes, [0] * len(boxes or ())
            return boxes, _values(row, self.categories)
        except (KeyError, TypeError):
            raise ValueError("its labels have another form than the columns promise") from None

    def _add(self, labels: ImageLabels, number: int, box: object, category: object) -> None:
        hull = _hull(box, self.box_format)
        name = self._name_of(category)
        if name is None:
            detail = f"box {number} has class {category!r:.60}, which has no name"
            labels.add_fault(detail, UNKNOWN_CLASS)
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
    boxes = [_value(part, columns.boxes) for part in values]
    classes = [_value(part, columns.categories) if columns.categories else 0 for part in values]
    return {**row, BOXES: boxes, CLASSES: classes}


def _value(row: Any, column: str) -> Any:
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


def is_declared_image(features: Mapping[str, Any], column: str) -> bool:
    """Whether a column holds images by its feature; False where it holds their bytes or paths.

    Raises:
        SourceError: If it holds neither, or is not there.
    """
    import datasets

    images = [name for name, feature in features.items() if isinstance(feature, datasets.Image)]
    if column not in features:
        raise SourceError(
            f"The dataset has no column '{column}'. "
            f"Set `image_column` to one of: {', '.join(images or features)}."
        )
    feature = features[column]
    if isinstance(feature, datasets.Image):
        return True
    kind = getattr(feature, "dtype", None)
    has_bytes = isinstance(feature, Mapping) and "bytes" in feature
    if has_bytes or kind in ("binary", "large_binary", "string", "large_string"):
        return False
    hint = f" It is in {', '.join(images)}." if images else ""
    raise SourceError(
        f"The column '{column}' of the dataset holds no images but {feature!s:.200}. "
        f"Set `image_column` to the one that does.{hint}"
    )


def label_columns(features: Mapping[str, Any], options: HuggingFaceSource) -> LabelColumns | None:
    """Where the labels are, checked against the dataset's features; None for one without labels.

    Raises:
        SourceError: If a column is not there, or does not hold boxes.
        ConfigurationError: If the classes are numbers, or only one, without a name.
    """
    if options.boxes_column is None:
        return None
    leaf, depth = _feature(features, options.boxes_column, "boxes_column")
    if not isinstance(leaf, Mapping) and not _is_number(leaf):
        raise SourceError(
            f"The column '{options.boxes_column}' of the dataset holds no boxes but {leaf!s:.200}. "
            f"Correct `boxes_column`; its columns are: {', '.join(_column_names(features))}."
        )
    class_names: tuple[str, ...] = ()
    if options.categories_column is None:
        if len(options.classes) != 1:
            raise ConfigurationError(
                "A dataset without a column of classes has one class only. Name it in `classes`."
            )
    else:
        feature, _ = _feature(features, options.categories_column, "categories_column")
        class_names = tuple(getattr(feature, "names", None) or ())
        if _is_number(feature) and not (class_names or options.classes or options.class_mapping):
            raise ConfigurationError(
                f"The classes in the column '{options.categories_column}' are numbers, and the "
                "dataset does not name them. Name the classes 0, 1, 2, ... in `classes`."
            )
    return LabelColumns(
        options.boxes_column,
        options.categories_column,
        options.box_format,
        class_names,
        options.classes,
        frozenset(options.class_mapping),
        one_box_a_row=depth == (0 if isinstance(leaf, Mapping) else 1),
    )


def _is_number(feature: Any) -> bool:
    kind = str(getattr(feature, "dtype", ""))
    return kind.startswith(("int", "uint", "float", "decimal"))


def _feature(features: Mapping[str, Any], column: str, option: str) -> tuple[Any, int]:
    """The feature of a column, which dots may nest, inside its lists, and how many these are."""
    feature: Any = features
    depth = 0
    for part in column.split("."):
        if not isinstance(feature, Mapping) or part not in feature:
            raise SourceError(
                f"The dataset has no column '{column}'. Correct `{option}` (null where there is "
                f"none); its columns are: {', '.join(_column_names(features))}."
            )
        feature, lists = _inside_lists(feature[part])
        depth += lists
    return feature, depth


def _inside_lists(feature: Any) -> tuple[Any, int]:
    depth = 0
    while hasattr(feature, "feature") or isinstance(feature, list):
        feature = feature[0] if isinstance(feature, list) else feature.feature
        depth += 1
    return feature, depth


def _column_names(features: Mapping[str, Any], prefix: str = "") -> list[str]:
    names = []
    for name, feature in features.items():
        inner, _ = _inside_lists(feature)
        nested = isinstance(inner, Mapping)
        names += _column_names(inner, f"{prefix}{name}.") if nested else [f"{prefix}{name}"]
    return names


def _values(row: Mapping[str, Any], column: str) -> list[Any] | None:
    """The values of a row in a column: a nested column is a list of mappings, or one of lists."""
    value: Any = row
    for part in column.split("."):
        if value is None:
            return None
        value = [inner[part] for inner in value] if isinstance(value, list) else value[part]
    return None if value is None else list(value)
