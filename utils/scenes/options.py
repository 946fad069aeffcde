"""Where scenes come from: the options of each kind of source."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from utils.options import Options
from utils.scenes.groups import group_rule


def _with_text_keys(mapping: Any) -> Any:
    """YAML reads `0: ship` as a number; class names are text."""
    return (
        {str(key): name for key, name in mapping.items()} if isinstance(mapping, dict) else mapping
    )


def _known_rule(rule: str) -> str:
    group_rule(rule)
    return rule


# A local path or `gs://...`, which `Path` would spoil.
Place = Annotated[str, BeforeValidator(lambda path: str(path) if isinstance(path, Path) else path)]


class CommonSourceOptions(Options):
    """What all sources have in common."""

    name: str | None = Field(default=None, pattern=r"^[^/.][^/]*$")
    """Prefix of the scene ids, without a slash. Default: the name of the source's folder or
    dataset."""

    classes: tuple[str, ...] = ()
    """The classes in the order that gives each its index. Boxes of any other class are left out
    and reported. For labels that hold numbers without names (YOLO without `data.yaml`), these are
    the names of 0, 1, 2 and so on. Default: the classes of the source."""

    class_mapping: Annotated[dict[str, str | None], BeforeValidator(_with_text_keys)] = Field(
        default_factory=dict
    )
    """New names for classes: two that get the same name are merged, and the boxes of a class
    mapped to `null` are left out and counted."""

    max_scenes: int | None = Field(default=None, ge=1)
    """Read at most this many scenes, the first in the order of the source. Default: all."""

    group: Annotated[str, AfterValidator(_known_rule)] = "auto"
    """Which scenes must stay together in one split. `auto` keeps together what the source itself
    names (a camera-trap location or sequence) and what file names show: augmented copies of one
    photograph (Roboflow's `NAME_jpg.rf.HASH`), frames of a video (`NAME_frame_0001`), and windows
    of a larger image. `scene` lets every scene stand alone; `folder` takes the folder of the image,
    `folder:N` the first N folders. Anything else is a regular expression, searched for in the
    scene's id, whose parenthesised part names the group, such as `(site[0-9]+)`."""

    max_bad_share: float = Field(default=0.1, ge=0, le=1)
    """The largest share of scenes that may be set aside as unusable before the run is refused."""


class HuggingFaceSource(CommonSourceOptions):
    """A Hugging Face dataset, streamed from the hub or read from a local folder.

    The token for private datasets comes from the environment (`HF_TOKEN`), never from a file. A
    stream can only be gone through: each of several shards downloads all of it, and then works on
    its own scenes alone.
    """

    kind: Literal["hugging_face"] = "hugging_face"
    """A Hugging Face dataset."""

    dataset: str = "datadrivenscience/ship-detection"
    """The id on the hub, or a local folder: Parquet files, one written by `save_to_disk`, or
    images with a `metadata.jsonl` or `metadata.csv`."""

    split: str = "train"
    """The split to read."""

    revision: str | None = None
    """The branch, tag or commit on the hub, such as `refs/convert/parquet`. Default: its newest."""

    image_column: str = "image"
    """The column of the image."""

    boxes_column: str | None = "objects.bbox"
    """The column of the boxes, four numbers in pixels each; a dot leads into a nested column.
    `null` for a dataset without labels."""

    categories_column: str | None = "objects.categories"
    """The column of the classes of the boxes: names, or numbers (named by the dataset's features,
    else by `classes`, else `0`, `1` and so on). `null` where there is one class only, which
    `classes` then names."""

    box_format: Literal["xyxy", "xywh"] = "xyxy"
    """The form of the boxes: `xyxy` is [x1, y1, x2, y2], `xywh` is [x, y, width, height], both in
    pixels."""


class CocoSource(CommonSourceOptions):
    """Images with labels in COCO's JSON."""

    kind: Literal["coco"] = "coco"
    """COCO: JSON and images."""

    path: Place
    """The folder of the dataset, or `gs://bucket/prefix`, of which the labels are copied to the
    local cache, and the images as they are read; scene ids hold the path of the image below it."""

    annotations: tuple[Path, ...] = ()
    """The JSON files, below `path`. Default: every JSON file below it that is COCO's."""

    images: Path | None = None
    """The folder, below `path`, that the file names in the JSON are relative to. Default: the
    JSON's own folder, `path`, or an `images` folder in either."""


class VocSource(CommonSourceOptions):
    """Images with one Pascal VOC XML file each."""

    kind: Literal["voc"] = "voc"
    """Pascal VOC: images and XML."""

    path: Place
    """The folder of the dataset, or `gs://bucket/prefix`, of which the labels are copied to the
    local cache, and the images as they are read; scene ids hold the path of the image below it."""

    images: Path | None = None
    """The folder of the images below `path`. Default: `JPEGImages` or `images`, else `path`."""

    annotations: Path | None = None
    """The folder of the XML files below `path`, with the same sub-folders as the images. Default:
    `Annotations` or `annotations`, else beside the images."""

    image_set: Path | None = None
    """A text file below `path` with the names of the images to read, one a line, with or without
    extension. Default: all images."""


class YoloSource(CommonSourceOptions):
    """Images with one YOLO text file each.

    The labels of `a/images/b/c.jpg` are in `a/labels/b/c.txt`, or else beside it in `c.txt`. An
    image without such a file has no objects, as in YOLO's own training. Outlines (segmentation
    labels) become their enclosing boxes. The split named by the folders is not used.
    """

    kind: Literal["yolo"] = "yolo"
    """YOLO: images and text files."""

    path: Place
    """The folder of the dataset with any of YOLO's layouts below, or `gs://bucket/prefix`, of
    which the labels are copied to the local cache, and the images as they are read; scene ids hold
    the path of the image below it."""

    data_yaml: Path | None = None
    """The file below `path` with the class `names`. Default: `data.yaml`, or any other YAML file
    in `path` that has names; where there is none, `classes` must name them."""


class FolderSource(CommonSourceOptions):
    """Images without labels, in folders as deep as you like; the folders become tags."""

    kind: Literal["folder"] = "folder"
    """A plain folder of images."""

    path: Place
    """A local folder or `gs://bucket/prefix`; scene ids hold the path of the image below it.
    Images in a bucket are kept in the local cache."""


class SyntheticSource(CommonSourceOptions):
    """Harbours seen from above, drawn by a seeded generator; every ship is labelled `ship`."""

    kind: Literal["synthetic"] = "synthetic"
    """Synthetic harbour scenes."""

    seed: int = Field(default=0, ge=0)
    """Scenes of another seed are all different."""

    scenes: int = Field(default=8, ge=1)
    """How many scenes to make."""

    first_scene: int = Field(default=0, ge=0)
    """The number of the first scene: ranges that do not overlap give scenes that are not alike,
    for instance to predict on what was not trained on."""

    width: int = Field(default=3600, ge=256)
    """Width of a scene in pixels."""

    height: int = Field(default=2600, ge=256)
    """Height of a scene in pixels."""

    ships: int = Field(default=120, ge=0)
    """About how many ships a scene has; few fit where there is little water."""

    cloud_cover: float = Field(default=0.12, ge=0, le=1)
    """About which share of a scene lies under clouds."""


SourceOptions = Annotated[
    HuggingFaceSource | CocoSource | VocSource | YoloSource | FolderSource | SyntheticSource,
    Field(discriminator="kind"),
]
"""The options of one source; `kind` says of which."""
