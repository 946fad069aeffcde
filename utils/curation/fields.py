"""The fields of a FiftyOne dataset of tiles, and how the App shows them."""

from __future__ import annotations

from typing import Any

TRUTH = "ground_truth"
FOUND = "predictions"
STATE = "last_written"

# The colours of the pages in the dashboard: truth is green, predictions are orange.
COLOURS = {TRUTH: "#1fe08f", FOUND: "#ffa51f"}

_TILE_FIELDS = ("tile_id", "scene_id", "window", "reviewed", "model_version")
_KEPT_BY_FIFTYONE = ("id", "filepath", "created_at", "last_modified_at")
_FOLDED = ("bookkeeping", "metadata")
_METADATA = ("width", "height", "num_channels", "size_bytes", "mime_type")


def open_dataset(name: str) -> Any:
    """Open the persistent FiftyOne dataset of a name; a missing one is created with its fields.

    Returns:
        A `fiftyone.Dataset`.
    """
    import fiftyone as fo

    if fo.dataset_exists(name):
        return fo.load_dataset(name)
    dataset = fo.Dataset(name, persistent=True)
    declare_fields(dataset)
    _arrange(dataset)
    return dataset


def declare_fields(dataset: Any) -> None:
    """Give an empty dataset the fields and indexes of a dataset of tiles."""
    import fiftyone as fo

    for text in ("tile_id", "scene_id", "model_version"):
        dataset.add_sample_field(text, fo.StringField)
    dataset.add_sample_field("window", fo.ListField, subfield=fo.IntField)
    dataset.add_sample_field("reviewed", fo.BooleanField)
    dataset.add_sample_field(STATE, fo.DictField)
    for boxes in (TRUTH, FOUND):
        dataset.add_sample_field(boxes, fo.EmbeddedDocumentField, embedded_doc_type=fo.Detections)
    dataset.add_sample_field(f"{FOUND}.detections.model_version", fo.StringField)
    dataset.create_index("tile_id", unique=True)
    dataset.create_index("scene_id")


def _arrange(dataset: Any) -> None:
    """Set the App's colours, and the order of its side bar: tags and boxes first."""
    import fiftyone as fo

    groups = {
        "tags": [],
        "labels": [TRUTH, FOUND],
        "tile": list(_TILE_FIELDS),
        "bookkeeping": [*_KEPT_BY_FIFTYONE, STATE],
        "metadata": [f"metadata.{name}" for name in _METADATA],
    }
    dataset.app_config.sidebar_groups = [
        fo.SidebarGroupDocument(name=name, paths=paths, expanded=name not in _FOLDED)
        for name, paths in groups.items()
    ]
    dataset.app_config.color_scheme = fo.ColorScheme(
        color_pool=fo.app_config.color_pool,
        color_by="field",
        fields=[{"path": path, "fieldColor": colour} for path, colour in COLOURS.items()],
    )
    dataset.save()
