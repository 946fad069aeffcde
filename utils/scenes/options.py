"""Where scenes come from: the options of each kind of source."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from utils.scenes.common_options import CommonSourceOptions, Place, with_text_keys

_ROBOFLOW_NAME = r"^[\w.-]+$"
BoxFormat = Literal["xyxy", "yxyx", "xywh", "cxcywh"]


def _a_level(level: int) -> int:
    if level == 0:
        raise ValueError(
            "levels of folders are 1, 2, ... from `path`, or -1, -2, ... from the image"
        )
    return level


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

    config_name: str | None = None
    """The configuration (subset) of a dataset that has several. Default: its only or default
    one."""

    revision: str | None = None
    """The branch, tag or commit on the hub, such as `refs/convert/parquet`. Default: its newest."""

    image_column: str = "image"
    """The column of the image: images, or their bytes or paths."""

    boxes_column: str | None = "objects.bbox"
    """The column of the boxes, four numbers each; a dot leads into a nested column. Where a row
    holds one box only, neighbouring rows of one image are joined. `null` for a dataset without
    labels."""

    categories_column: str | None = "objects.categories"
    """The column of the classes of the boxes: names, or numbers (named by the dataset's features,
    else by `classes` or `class_mapping`). `null` where there is one class only, which `classes`
    then names."""

    outlines_column: str | None = None
    """The column of the outlines of the boxes, in COCO's forms: polygons as lists of numbers, or
    run-length masks. `boxes_column` may be `null` beside it. Default: the boxes alone."""

    mask_column: str | None = None
    """The column of the mask of the image: an image of the same size whose values `mapping` names;
    boxes and outlines are not read then. Default: none."""

    mapping: Annotated[dict[str, str | None], BeforeValidator(with_text_keys)] = Field(
        default_factory=dict
    )
    """With `mask_column`: classes by value of the masks, as in a source of `masks`. Default: every
    value but 0 is of the only class, which `classes` names."""

    class_column: str | None = None
    """The column of the class of the whole image, as names or as numbers that the dataset or
    `classes` names; boxes are not read then. Default: none."""

    group_column: str | None = None
    """The column that names what must stay in one split, such as a site or a burst. Default: the
    group that `group` finds."""

    box_format: BoxFormat = "xyxy"
    """The form of the boxes: `xyxy` is [x1, y1, x2, y2], `yxyx` is [y1, x1, y2, x2], `xywh` is
    [x, y, width, height] from the top left corner, `cxcywh` the same from the centre. Pixels, or
    shares of the image, which are known by being 1 at most."""


class CocoSource(CommonSourceOptions):
    """Images with labels in COCO's JSON, or in another file that lists images with their labels.

    The JSON of Label Studio, FiftyOne, Datumaro and VGG's annotator is read, the CSV of makesense
    and the tables of Camtrap DP, too.

    Polygons, masks and rotated boxes are read as they are, and annotations without a place as the
    class of their image. Crowd regions are no objects to train on and are left out.
    """

    kind: Literal["coco"] = "coco"
    """COCO: JSON and images."""

    path: Place
    """The folder of the dataset, or `gs://bucket/prefix`, whose labels are copied to the
    local cache, and the images as they are read; scene ids hold the path of the image below it."""

    annotations: tuple[Path, ...] = ()
    """The JSON files, below `path`. Default: every JSON file below it that is COCO's; broken ones
    beside them are reported."""

    images: Path | None = None
    """The folder, below `path`, that the file names in the JSON are relative to. Default: the
    JSON's own folder, `path`, or an `images` or `data` folder in either; else the only image that
    has the name."""

    label_field: str | None = None
    """The field of the labels in the samples of FiftyOne, or the attribute of the class in files of
    VGG's annotator. Default: `ground_truth`, else the only field whose labels have no scores;
    `label`, `class`, `category`, `name` or `type`, else the only attribute of a region."""

    least_score: float | None = Field(default=None, ge=0, le=1)
    """Read MegaDetector's detections that score at least this, as labels for people to review.
    Default: its JSON is passed over."""


class VocSource(CommonSourceOptions):
    """Images with one Pascal VOC XML file each, or one XML file of CVAT ("CVAT for images").

    Polygons, masks and rotated boxes are read as they are.
    """

    kind: Literal["voc"] = "voc"
    """Pascal VOC: images and XML."""

    path: Place
    """The folder of the dataset, or `gs://bucket/prefix`, whose labels are copied to the
    local cache, and the images as they are read; scene ids hold the path of the image below it."""

    images: Path | None = None
    """The folder of the images below `path`. Default: `JPEGImages`, `images` or `data`, else
    `path`."""

    annotations: Path | None = None
    """The folder of the XML files below `path`, with the same sub-folders as the images. Default:
    `Annotations`, `annotations` or `labels`, else `path`."""

    image_set: Path | None = None
    """A text file below `path` with the names of the images to read, one a line, with or without
    extension. Default: all images."""

    counts_from: Literal[0, 1] | None = None
    """The number of the first pixel in the XML files: 1 as in VOC's own kit, whose right and bottom
    corners are inclusive, or 0 as in the exports of many tools, where they are exclusive. Default:
    found from the files, and reported."""


class YoloSource(CommonSourceOptions):
    """Images with one YOLO text file each.

    The labels of `a/images/b/c.jpg` are in `a/labels/b/c.txt`, or else beside it in `c.txt`, or in
    the only `c.txt` there is. An image without such a file has no objects, as in YOLO's own
    training, unless no image of its folder has one. Rows of outlines are polygons; rows of four
    corners are oriented boxes where all are rectangles. DOTA's text files are read, too. Where
    `data.yaml` or `obj.data` names lists of images (`train.txt`), only these are read; the split
    named by the folders is not used.
    """

    kind: Literal["yolo"] = "yolo"
    """YOLO: images and text files."""

    path: Place
    """The folder of the dataset with any of YOLO's layouts below, or `gs://bucket/prefix`, of
    which the labels are copied to the local cache, and the images as they are read; scene ids hold
    the path of the image below it."""

    data_yaml: Path | None = None
    """The file below `path` with the class `names`. Default: `data.yaml`, or the only other YAML
    file in `path` that has names, else `classes.txt`, `obj.names` or `notes.json`; where there is
    none, `classes` must name them."""


class ClassesSource(CommonSourceOptions):
    """Images with one class each: the name of a folder above the image, or a row of a CSV file."""

    kind: Literal["classes"] = "classes"
    """One class for each image."""

    path: Place
    """The folder of the images, or `gs://bucket/prefix`; scene ids hold the path of the image below
    it. A folder named like a split (`train`, `validation`, `val`, `valid`, `test`) gives the split
    of its images."""

    class_folder: Annotated[int, AfterValidator(_a_level)] | None = None
    """The level of the folder that names the class: 1 is the first below `path`, 2 the next (as for
    camera traps in `SITE/CLASS/CAMERA`), -1 the folder of the image itself. Default: the first
    below `path` that is not named like a split."""

    table: Path | None = None
    """A CSV file below `path` that lists images with their classes, one a row. Default: none;
    folders name the classes."""

    image_column: str | None = None
    """The column of `table` with the images: paths, or names with or without suffix. Default: one
    that is usual, such as `filepath`, `filename` and `image`."""

    class_column: str | None = None
    """The column of `table` with the classes. Default: one that is usual, such as `label` and
    `class`."""


class MasksSource(CommonSourceOptions):
    """Images with one mask each: an image of the same size whose values or colours are classes.

    Pixels of one value that touch, at corners too, are one object, a polygon along their edges. A
    mask is read as a whole, so that one of more than 67 megapixels is set aside.
    """

    kind: Literal["masks"] = "masks"
    """Masks: two images each, the picture and its mask."""

    path: Place
    """The folder of the dataset, or `gs://bucket/prefix`; scene ids hold the path of the image
    below it."""

    images: Path | None = None
    """The folder of the images below `path`. Default: `images`, `imgs`, `img` or `JPEGImages`."""

    masks: Path | None = None
    """The folder of the masks below `path`: PNG or TIFF, named like the images, with or without
    `_mask` or the like at the end. Default: `masks`, `mask`, `labels`, `annotations` or
    `SegmentationObject`."""

    mapping: Annotated[dict[str, str | None], BeforeValidator(with_text_keys)] | Path = Field(
        default_factory=dict
    )
    """Classes by value of the masks: numbers, or colours as six hexadecimal digits, in quotes; or a
    YAML file below `path` with these. `null` marks values that are no object, such as the 255 of
    borders; 0 and black need not be named. Default: every other value is of the only class, which
    `classes` names."""


class GisSource(CommonSourceOptions):
    """Images that know their place, with labels on the map in vector files.

    Each polygon is a label of every image that it lies in, cut at the image's border. It is read
    as a box where all polygons of its file are upright rectangles, as an oriented box where all
    are rectangles, else as a polygon.
    """

    kind: Literal["gis"] = "gis"
    """GIS: georeferenced images, and GeoPackage, GeoJSON, Shapefile or FlatGeobuf."""

    path: Place
    """The folder of the images, or `gs://bucket/prefix`; scene ids hold the path of the image
    below it."""

    labels: tuple[Path, ...] = ()
    """The vector files, below `path` or absolute. Default: all below `path`."""

    layer: str | None = None
    """The layer of a file that has several with polygons."""

    crs: str | None = None
    """The coordinate reference system of files that name none, such as `EPSG:32631`. Default: such
    a file is refused."""

    class_column: str | None = None
    """The attribute that names the class of a polygon. Default: all are of the only class, which
    `classes` names."""

    tag_columns: tuple[str, ...] = ()
    """Attributes whose values become tags of the scenes that their polygons lie in."""

    without_labels: Literal["unlabelled", "empty"] = "unlabelled"
    """The meaning of an image in which no polygon lies: nobody has looked at it, or nothing is
    there. `regions` says more exactly where people have looked."""

    min_visibility: float = Field(default=0.1, gt=0, le=1)
    """Smallest share of a polygon's area inside an image of which it is a label."""


class RoboflowSource(CommonSourceOptions):
    """A version of a project on Roboflow, downloaded once and read in the format of its export.

    The API key comes from the environment (`ROBOFLOW_API_KEY`) or from a secret of ZenML, never
    from a file. Augmented copies of one photograph stay in one split. An export that is on this
    disk already is read by its format: `coco`, `yolo`, `voc` or `classes`.
    """

    kind: Literal["roboflow"] = "roboflow"
    """Roboflow: a version of a project."""

    workspace: str = Field(pattern=_ROBOFLOW_NAME)
    """The workspace, as in the address app.roboflow.com/WORKSPACE/PROJECT/VERSION."""

    project: str = Field(pattern=_ROBOFLOW_NAME)
    """The project, as in the address."""

    version: int = Field(ge=1)
    """The number of the version."""

    format: Literal[
        "coco", "coco-segmentation", "yolov8", "yolov8-obb", "yolov11", "voc", "folder"
    ] = "coco"
    """The format of the export: `coco` for boxes, `coco-segmentation` for polygons, `yolov8-obb`
    for oriented boxes, `folder` for classes of whole images."""

    secret: str | None = None
    """The secret of ZenML whose value `api_key` is the key. Default: the environment has it."""


class ExportSource(CommonSourceOptions):
    """An export of a labelling tool, in any of its formats: a folder, or the zip as it came.

    The format is found in the files and read as a source of `coco`, `voc`, `yolo`, `masks` or
    `classes`; zips in the folder are unpacked.
    """

    kind: Literal["cvat", "makesense", "weed-ai", "label-studio", "fiftyone", "camera-traps"]
    """The tool: CVAT, makesense, Weed-AI, Label Studio, FiftyOne; or camera traps, with labels in
    COCO Camera Traps, Camtrap DP or MegaDetector's JSON."""

    path: Place
    """The folder of the export with its images, or a zip of it."""

    annotations: tuple[Path, ...] = ()
    """As in a source of `coco`."""

    label_field: str | None = None
    """As in a source of `coco`."""

    least_score: float | None = Field(default=None, ge=0, le=1)
    """As in a source of `coco`. Default: 0.2 for camera traps."""


class DatumaroSource(CommonSourceOptions):
    """A dataset in any of some seventy formats that Datumaro reads, converted once.

    Datumaro is installed in an environment of its own on first use.
    """

    kind: Literal["datumaro"] = "datumaro"
    """Datumaro: KITTI, Open Images, Cityscapes, LabelMe, VoTT, WIDER FACE and others."""

    path: Place
    """The folder of the dataset."""

    format: str | None = Field(default=None, pattern=r"^\w+$")
    """The format, as Datumaro names it, such as `kitti`, `open_images`, `label_me` or `vott_json`.
    Default: found by Datumaro."""


class VideoSource(CommonSourceOptions):
    """Videos, of which frames become scenes, and sequences of frames as MOT and CVAT keep them.

    Frames are taken out into the local cache. Labels are those of CVAT for videos, text files of
    MOT, and Label Studio's video rectangles. A video is one group.
    """

    kind: Literal["video"] = "video"
    """Videos."""

    path: Place
    """A video, or a folder of videos and of their labels, as deep as you like; scene ids hold the
    path of the video below it, and the time of the frame."""

    frames: Literal["time", "change", "key", "all"] = "time"
    """The frames that become scenes: one in every so many seconds; where the picture has changed;
    where people drew labels (key frames); or all."""

    seconds: float = Field(default=1.0, gt=0)
    """With `frames: time`: the seconds between two frames."""

    change: float = Field(default=0.05, gt=0, lt=1)
    """With `frames: change`: the least difference to the last frame that was taken, as the mean
    over the picture of the share of the brightness."""


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

    labels: Literal["detect", "obb", "segment"] = "detect"
    """Kind of the labels: tight upright boxes, oriented boxes that tell the heading, or the
    outlines of the hulls."""


SourceOptions = Annotated[
    HuggingFaceSource
    | CocoSource
    | VocSource
    | YoloSource
    | ClassesSource
    | MasksSource
    | GisSource
    | RoboflowSource
    | ExportSource
    | DatumaroSource
    | VideoSource
    | FolderSource
    | SyntheticSource,
    Field(discriminator="kind"),
]
"""The options of one source, of the kind in `kind`."""
