"""The schema of a Hugging Face dataset, checked against the options before any row is read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from utils.errors import ConfigurationError, SourceError
from utils.scenes.hugging_face_columns import LabelColumns
from utils.scenes.mask_mapping import mask_mapping
from utils.scenes.options import HuggingFaceSource


def is_declared_image(
    features: Mapping[str, Any], column: str, option: str = "image_column"
) -> bool:
    """Whether a column holds images by its feature; False where it holds their bytes or paths.

    Raises:
        SourceError: If it holds neither, or is not there.
    """
    import datasets

    images = [name for name, feature in features.items() if isinstance(feature, datasets.Image)]
    if column not in features:
        raise SourceError(
            f"The dataset has no column '{column}'. "
            f"Set `{option}` to one of: {', '.join(images or features)}."
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
        f"Set `{option}` to the one that does.{hint}"
    )


def undecoded(features: Mapping[str, Any], columns: Sequence[str]) -> dict[str, Any]:
    """The features of columns of images, as their bytes and paths."""
    import datasets

    declared = [name for name in columns if isinstance(features[name], datasets.Image)]
    return {name: datasets.Image(decode=False) for name in declared}


def require_column(features: Mapping[str, Any], column: str, option: str) -> None:
    """Make sure that a column is there.

    Raises:
        SourceError: If it is not.
    """
    _feature(features, column, option)


def label_columns(features: Mapping[str, Any], options: HuggingFaceSource) -> LabelColumns | None:
    """Where the labels are, checked against the dataset's features; None for one without labels.

    Raises:
        SourceError: If a column is not there, or holds neither boxes nor masks.
        ConfigurationError: If classes are numbers, or values of masks, or only one, without a name.
    """
    if options.mask_column is not None:
        is_declared_image(features, options.mask_column, "mask_column")
        mapping = mask_mapping(Path(options.dataset), options.mapping, options.classes)
        names = mapping.class_names
        return replace(_columns(options, None, names), masks=(options.mask_column, mapping))
    if options.class_column is not None:
        names = _class_names(features, options, options.class_column, "class_column")
        return _columns(options, options.class_column, names, of_images=True)
    if options.boxes_column is None:
        return _outlines_alone(features, options)
    leaf, depth = _feature(features, options.boxes_column, "boxes_column")
    if not isinstance(leaf, Mapping) and not _is_number(leaf):
        raise SourceError(
            f"The column '{options.boxes_column}' of the dataset holds no boxes but {leaf!s:.200}. "
            f"Correct `boxes_column`; its columns are: {', '.join(_column_names(features))}."
        )
    names = _box_class_names(features, options)
    if options.outlines_column is not None:
        require_column(features, options.outlines_column, "outlines_column")
    is_single = depth == (0 if isinstance(leaf, Mapping) else 1)
    return _columns(options, options.categories_column, names, one_box_a_row=is_single)


def _columns(
    options: HuggingFaceSource,
    categories: str | None,
    class_names: tuple[str, ...],
    *,
    one_box_a_row: bool = False,
    of_images: bool = False,
) -> LabelColumns:
    return LabelColumns(
        options.boxes_column,
        categories,
        options.box_format,
        class_names,
        options.classes,
        frozenset(options.class_mapping),
        one_box_a_row,
        options.outlines_column,
        of_images,
    )


def _outlines_alone(features: Mapping[str, Any], options: HuggingFaceSource) -> LabelColumns | None:
    """The columns of a dataset without boxes: outlines, or no labels."""
    if options.outlines_column is None:
        return None
    require_column(features, options.outlines_column, "outlines_column")
    return _columns(options, options.categories_column, _box_class_names(features, options))


def _box_class_names(features: Mapping[str, Any], options: HuggingFaceSource) -> tuple[str, ...]:
    """The names of the classes of boxes, as the features have them.

    Raises:
        ConfigurationError: If the classes are numbers, or only one, without a name.
    """
    if options.categories_column is not None:
        return _class_names(features, options, options.categories_column, "categories_column")
    if len(options.classes) != 1:
        raise ConfigurationError(
            "A dataset without a column of classes has one class only. Name it in `classes`."
        )
    return ()


def _class_names(
    features: Mapping[str, Any], options: HuggingFaceSource, column: str, option: str
) -> tuple[str, ...]:
    feature, _ = _feature(features, column, option)
    names = tuple(getattr(feature, "names", None) or ())
    if _is_number(feature) and not (names or options.classes or options.class_mapping):
        raise ConfigurationError(
            f"The classes in the column '{column}' are numbers, and the dataset does not name "
            "them. Name the classes 0, 1, 2, ... in `classes`."
        )
    return names


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
                f"{_hint_of_classes(features)}"
            )
        feature, lists = _inside_lists(feature[part])
        depth += lists
    return feature, depth


def _hint_of_classes(features: Mapping[str, Any]) -> str:
    """A hint at a column of classes that are named; empty without one."""
    named = [name for name, feature in features.items() if getattr(feature, "names", None)]
    return f" For classes of whole images, set `class_column` to {named[0]}." if named else ""


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
