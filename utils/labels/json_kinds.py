"""The tool that wrote a JSON file, known by its keys."""

from __future__ import annotations

from collections.abc import Mapping


def is_coco(content: object) -> bool:
    """Whether the content of a JSON file is COCO's, or meant to be."""
    if not isinstance(content, Mapping) or "detection_categories" in content:
        return False
    if _holds_captions(content):
        return False
    return isinstance(content.get("images"), list) or {"images", "annotations"} <= content.keys()


def foreign_kind(content: object) -> str:
    """The name of the tool whose JSON this is, and the remedy; empty where it is not known."""
    if isinstance(content, list) and content and isinstance(content[0], Mapping):
        if "annotation_id" in content[0] and "annotator" in content[0]:
            return "It is Label Studio's short JSON. Export the project as JSON or COCO instead."
        if "bbox" in content[0] and "score" in content[0]:
            return "It is a list of results without images. Name the annotations' file."
    if _holds_captions(content):
        return "It holds captions of images, which are no labels of objects, and is passed over."
    if isinstance(content, Mapping) and "detection_categories" in content:
        return (
            "It holds MegaDetector's predictions, no labels. Read them for review with "
            "source.kind=camera-traps."
        )
    return ""


def _holds_captions(content: object) -> bool:
    """Whether all annotations are captions, as in COCO's own `captions_train2017.json`."""
    rows = content.get("annotations") if isinstance(content, Mapping) else None
    return (
        isinstance(rows, list)
        and bool(rows)
        and all(
            isinstance(row, Mapping) and "caption" in row and "category_id" not in row
            for row in rows
        )
    )
