"""The fields of a FiftyOne dataset of tiles, and how the App shows them."""

from __future__ import annotations

from typing import Any

from utils.curation.labels import FIELD_TYPES
from utils.errors import DatasetError
from utils.shapes.shapes import ShapeKind

TRUTH = "ground_truth"
FOUND = "predictions"
STATE = "last_written"

# The colours of the pages in the dashboard: truth is green, predictions are orange.
COLOURS = {TRUTH: "#1fe08f", FOUND: "#ffa51f"}

_POLYGON_OPACITY = 0.5

_TILE_FIELDS = ("tile_id", "scene_id", "window", "reviewed", "model_version")
_KEPT_BY_FIFTYONE = ("id", "filepath", "created_at", "last_modified_at")
_FOLDED = ("bookkeeping", "metadata")
_METADATA = ("width", "height", "num_channels", "size_bytes", "mime_type")


def open_dataset(name: str, kind: ShapeKind = ShapeKind.DETECT) -> Any:
    """Open the persistent FiftyOne dataset of a name; a missing one is created with its fields.

    Args:
        name: Name of the dataset.
        kind: Kind of its labels.

    Returns:
        A `fiftyone.Dataset`.

    Raises:
        DatasetError: If its labels are of another kind.
    """
    import fiftyone as fo

    if fo.dataset_exists(name):
        dataset = fo.load_dataset(name)
        _check_kind(dataset, kind)
        return dataset
    dataset = fo.Dataset(name, persistent=True)
    declare_fields(dataset, kind)
    _arrange(dataset, kind)
    return dataset


def _check_kind(dataset: Any, kind: ShapeKind) -> None:
    field = dataset.get_field(TRUTH)
    there = getattr(getattr(field, "document_type", None), "__name__", None)
    wanted, _ = FIELD_TYPES[kind]
    if there not in (None, wanted):
        raise DatasetError(
            f"The FiftyOne dataset '{dataset.name}' has {there.lower()} in its field {TRUTH}, and "
            f"the tiles have {kind.noun}. Give another dataset_name in the configuration: a new "
            f"dataset is made for {kind.noun}."
        )


def declare_fields(dataset: Any, kind: ShapeKind) -> None:
    """Give an empty dataset the fields and indexes of a dataset of tiles, with labels of a kind."""
    import fiftyone as fo

    for text in ("tile_id", "scene_id", "model_version"):
        dataset.add_sample_field(text, fo.StringField)
    dataset.add_sample_field("window", fo.ListField, subfield=fo.IntField)
    dataset.add_sample_field("reviewed", fo.BooleanField)
    dataset.add_sample_field(STATE, fo.DictField)
    name, many = FIELD_TYPES[kind]
    for labels in (TRUTH, FOUND):
        dataset.add_sample_field(
            labels, fo.EmbeddedDocumentField, embedded_doc_type=getattr(fo, name)
        )
    found = FOUND if many is None else f"{FOUND}.{many}"
    dataset.add_sample_field(f"{found}.model_version", fo.StringField)
    dataset.create_index("tile_id", unique=True)
    dataset.create_index("scene_id")


def _arrange(dataset: Any, kind: ShapeKind) -> None:
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
        # FiftyOne fills polygons, which would hide the objects, and predictions behind the truth.
        opacity=_POLYGON_OPACITY if kind.has_outlines else None,
        fields=[{"path": path, "fieldColor": colour} for path, colour in COLOURS.items()],
    )
    dataset.save()
