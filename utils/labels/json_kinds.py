"""The tool that wrote a file of labels, known by its keys or columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

_AS_JSON = "Export the project as JSON or COCO instead."
# By keys of the file, or of the first entry of its list: what the file is, and the remedy.
_OF_MAPPINGS: tuple[tuple[set[str], str], ...] = (
    (
        {"detection_categories"},
        "It holds MegaDetector's predictions, no labels. Read them for review with "
        "source.kind=camera-traps.",
    ),
    (
        {"project", "attribute", "file", "metadata", "view"},
        "It is a project of VGG's annotator 3. Export it there as COCO instead.",
    ),
    (
        {"result", "task", "completed_by"},
        f"It is one annotation in the storage of Label Studio. {_AS_JSON}",
    ),
)
_OF_LISTS: tuple[tuple[set[str], str], ...] = (
    ({"annotation_id", "annotator"}, f"It is Label Studio's short JSON. {_AS_JSON}"),
    ({"completions", "data"}, f"It is of an old version of Label Studio. {_AS_JSON}"),
    (
        {"bbox", "score"},
        "It is a list of results without images. Name the annotations' file.",
    ),
    (
        {"shapes", "tracks", "tags"},
        "It is in the backup of a CVAT task. Export the task as 'CVAT for images' instead.",
    ),
    (
        {"image", "annotations"},
        "It is a list of images as CreateML and makesense write it. Export COCO or VOC instead.",
    ),
)
_OF_TABLES: tuple[tuple[set[str], str], ...] = (
    ({"annotation_id", "annotator"}, f"It is Label Studio's CSV. {_AS_JSON}"),
    (
        {"region_shape_attributes", "region_attributes"},
        "It is the CSV of VGG's annotator. Export the annotations as JSON instead.",
    ),
    (
        {"filename", "class", "xmin"},
        "It is a table of boxes as TensorFlow's examples have it. Export COCO or VOC instead.",
    ),
)
_POINT_COLUMNS, _TAG_COLUMNS = 6, 2


def is_coco(content: object) -> bool:
    """Whether the content of a JSON file is COCO's, or meant to be."""
    if not isinstance(content, Mapping) or "detection_categories" in content:
        return False
    if _holds_captions(content):
        return False
    return isinstance(content.get("images"), list) or {"images", "annotations"} <= content.keys()


def foreign_kind(content: object) -> str:
    """The name of the tool whose JSON this is, and the remedy; empty where it is not known."""
    if isinstance(content, list):
        first = content[0] if content and isinstance(content[0], Mapping) else {}
        return _told(first.keys(), _OF_LISTS)
    if not isinstance(content, Mapping):
        return ""
    if _holds_captions(content):
        return "It holds captions of images, which are no labels of objects, and is passed over."
    return _told(content.keys(), _OF_MAPPINGS)


def foreign_table(first: Sequence[str]) -> str:
    """The name of the tool whose CSV begins with this row, and the remedy; empty if unknown."""
    if len(first) == _POINT_COLUMNS and all(value.isdigit() for value in (*first[1:3], *first[4:])):
        return "It holds makesense's points, which mark no area. Draw boxes or polygons."
    if len(first) == _TAG_COLUMNS and first[1].startswith("[") and first[1].endswith("]"):
        return (
            "It holds makesense's classes of images. Write them in two columns with the header "
            "`image,label`, and read them: --set source.kind=classes --set source.table=FILE"
        )
    return _told(first, _OF_TABLES)


def _told(keys: Any, kinds: tuple[tuple[set[str], str], ...]) -> str:
    return next((told for known, told in kinds if known.issubset(keys)), "")


def _holds_captions(content: Mapping[str, Any]) -> bool:
    """Whether all annotations are captions, as in COCO's own `captions_train2017.json`."""
    rows = content.get("annotations")
    return isinstance(rows, list) and bool(rows) and all(map(_is_caption, rows))


def _is_caption(row: object) -> bool:
    return isinstance(row, Mapping) and "caption" in row and "category_id" not in row
