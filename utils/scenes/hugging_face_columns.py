"""The columns of a Hugging Face dataset that hold images and labels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from utils.box_formats import from_coco
from utils.errors import ConfigurationError, SourceError
from utils.geometry import Boxes
from utils.issues import IssueReport
from utils.scenes.labels import UNKNOWN_CLASS, boxes_from, coordinates
from utils.scenes.options import HuggingFaceSource


@dataclass(frozen=True, slots=True)
class LabelColumns:
    """Where the boxes of a row are and what their classes are called.

    Attributes:
        boxes: Column of the boxes; dots lead into nested columns.
        categories: Column of their classes, or None where all boxes are of the only class.
        box_format: The form of the boxes.
        class_names: As the dataset's features name its numbers; empty where they do not.
        configured_names: As the configuration does.
    """

    boxes: str
    categories: str | None
    box_format: Literal["xyxy", "xywh"]
    class_names: tuple[str, ...]
    configured_names: tuple[str, ...]

    def boxes_of(self, row: Mapping[str, Any], item: str, report: IssueReport) -> Boxes | None:
        """The boxes of a row; None where it has no labels at all.

        Args:
            row: Of the dataset.
            item: The row's name in the report.
            report: Receives boxes of an unknown class, which are left out.

        Raises:
            ValueError: If there are not as many classes as boxes.
        """
        found = _values(row, self.boxes)
        if found is None:
            return None
        rows = [coordinates(box) for box in found]
        categories = _values(row, self.categories) if self.categories else [0] * len(rows)
        if categories is None or len(categories) != len(rows):
            given = "no" if categories is None else len(categories)
            raise ValueError(f"it has {len(rows)} boxes and {given} classes")
        names = [self._name_of(category) for category in categories]
        for category, name in zip(categories, names, strict=True):
            if name is None:
                detail = f"a box of class {category} is left out"
                report.add(item, UNKNOWN_CLASS, detail, set_aside=False)
        kept = [index for index, name in enumerate(names) if name is not None]
        boxes = boxes_from(rows, [str(name) for name in names])
        if self.box_format == "xywh":
            boxes = boxes_from(from_coco(boxes.xyxy), boxes.labels)
        return boxes.select(kept)

    def _name_of(self, category: object) -> str | None:
        """The name of a class; None for a number that the dataset's own features do not have."""
        if not isinstance(category, int):
            return None if category is None else str(category)
        names = self.class_names or self.configured_names
        if 0 <= category < len(names):
            return names[category]
        return None if self.class_names else str(category)


def check_image_column(features: Mapping[str, Any], column: str) -> None:
    """Make sure that a column holds images.

    Raises:
        SourceError: If it does not, or is not there.
    """
    import datasets

    if column not in features:
        raise SourceError(
            f"The dataset has no column '{column}'. "
            f"Set `image_column` to one of: {', '.join(features)}."
        )
    if not isinstance(features[column], datasets.Image):
        raise SourceError(
            f"The column '{column}' of the dataset holds no images but {features[column]}. "
            "Set `image_column` to the one that does."
        )


def label_columns(features: Mapping[str, Any], options: HuggingFaceSource) -> LabelColumns | None:
    """Where the labels are, checked against the dataset's features; None for one without labels.

    Raises:
        SourceError: If a column is not there.
        ConfigurationError: If there is one class only and it has no name.
    """
    if options.boxes_column is None:
        return None
    _feature(features, options.boxes_column, "boxes_column")
    class_names: tuple[str, ...] = ()
    if options.categories_column is None:
        if len(options.classes) != 1:
            raise ConfigurationError(
                "A dataset without a column of classes has one class only. Name it in `classes`."
            )
    else:
        feature = _feature(features, options.categories_column, "categories_column")
        class_names = tuple(getattr(feature, "names", None) or ())
    return LabelColumns(
        options.boxes_column,
        options.categories_column,
        options.box_format,
        class_names,
        options.classes,
    )


def _feature(features: Mapping[str, Any], column: str, option: str) -> Any:
    """The feature of a column, which dots may nest, without the lists around it."""
    feature: Any = features
    for part in column.split("."):
        if not isinstance(feature, Mapping) or part not in feature:
            raise SourceError(
                f"The dataset has no column '{column}'. Correct `{option}` (null where there is "
                f"none); its columns are: {', '.join(_column_names(features))}."
            )
        feature = _inside_lists(feature[part])
    return feature


def _inside_lists(feature: Any) -> Any:
    while hasattr(feature, "feature"):
        feature = feature.feature
    return feature


def _column_names(features: Mapping[str, Any], prefix: str = "") -> list[str]:
    names = []
    for name, feature in features.items():
        inner = _inside_lists(feature)
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
