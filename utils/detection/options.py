"""Options of predicting with a detector, and of recording its training in MLflow."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from utils.images.options import PixelOptions
from utils.options import Options

DEFAULT_EXPERIMENT = "ship-detector"


class TrackingOptions(Options):
    """Options of the record of a training in MLflow, or in Weights & Biases."""

    tracker: Literal["mlflow", "wandb"] = "mlflow"
    """The program that keeps the record."""

    tracking_uri: str | None = None
    """MLflow's address or store; by default the one MLflow is set up with."""

    experiment: str = DEFAULT_EXPERIMENT
    """Name of the MLflow experiment, or of the group of runs in W&B."""

    project: str | None = None
    """Project in W&B; by default that of the name of the experiment."""

    entity: str | None = None
    """User or team in W&B; by default the one of the key."""


class PredictorOptions(Options):
    """Options of a detector that predicts, shared by inference and evaluation."""

    imgsz: int | None = None
    """Side, in pixels, of the network's input, to which windows and tiles are resized; by default
    as in training. In an inference with `tile_size: auto`, a larger `imgsz` goes with larger
    windows."""

    confidence: Annotated[float, Field(ge=0, le=1)] | Literal["auto"] = "auto"
    """Minimum score of a box that is kept (in an evaluation: of a box that counts in the confusion
    matrix, the TIDE errors and the pictures); `auto` is the confidence that the training chose on
    val (the best F1). For a detector without one it is 0.25 in an inference, and the best F1 on the
    evaluated tiles in an evaluation."""

    iou: float = Field(default=0.6, gt=0, le=1)
    """NMS threshold: minimum overlap (intersection over union) at which two boxes in one window or
    tile are the same object. A detector without NMS, such as an RT-DETR, ignores it."""

    merge_iou: float = Field(default=0.5, gt=0, le=1)
    """The same threshold for boxes of two neighbouring windows or tiles, measured in the strip that
    both see."""

    max_boxes: int = Field(default=1000, ge=1)
    """Maximum number of boxes kept per window or tile, highest scores first; an RT-DETR has 300
    candidates at most."""

    outline_tolerance: float = Field(default=0.5, ge=0)
    """Distance, in pixels, by which the outline of a polygon may be simplified; 0 keeps every
    point."""

    top_k: int = Field(default=5, ge=1)
    """Maximum number of classes of a whole image, those with the highest scores."""

    batch: int = Field(default=8, ge=1)
    """Number of windows or tiles that are predicted together."""

    device: str = "auto"
    """`auto` (CUDA, else Apple's GPU, else the CPU), or as ultralytics takes it."""

    augment: bool = False
    """Whether to use test-time augmentation: each image is predicted a second time, mirrored and a
    quarter larger, and both results are merged; classes of whole images get the mean of both
    scores. Better boxes in about 2.5 times the time. Scores
    differ from those without: train with `evaluation.augment` too, so that `confidence: auto`
    fits."""


class InferenceOptions(PredictorOptions):
    """Options of an inference over whole scenes."""

    tile_size: Annotated[int, Field(ge=32)] | Literal["auto"] = "auto"
    """Side of the windows that a scene is predicted in, in pixels. `auto` shows objects as large as
    in training: windows as large as the training tiles (scaled by the ratio of `imgsz` to the
    training's), and scaled by the ratio of ground sample distances where scene and training tiles
    have one. For a number that shows objects more than a fifth larger or smaller, an issue says
    what that costs on val."""

    overlap: Annotated[int, Field(ge=1)] | Literal["auto"] = "auto"
    """Overlap of neighbouring windows, in pixels; an object on a border is found once. `auto` is a
    fifth of a window."""

    classify: Literal["scene", "tile"] = "scene"
    """Subject of a classification: each whole scene, as one window, or each window of
    `tile_size`. Other detectors ignore it."""

    skip_empty: bool = False
    """Whether to skip windows of empty water, whose contrast is below `empty_contrast`. Saves time
    on open sea; a ship that hardly stands out from the water would be missed."""

    empty_contrast: int = Field(default=25, ge=1, le=255)
    """Minimum contrast of a window that `skip_empty` does not skip: the largest difference in
    brightness within 6 by 6 pixels, in grey values of 255. In measurements, 25 skipped no window
    with ships and about every second one without."""

    backend: Literal["auto", "pytorch", "onnx", "openvino", "tensorrt"] = "auto"
    """Runtime of the network: `auto` is the fastest one that finds what PyTorch finds, checked once
    on windows of the scenes; `onnx` and `openvino` run on the CPU, `tensorrt` on CUDA."""

    service: str | None = None
    """Address of a running service (`--deploy`) that predicts the windows instead of this machine's
    network, such as `http://127.0.0.1:8100`; its version and settings must be those of the run. The
    variable SPYGLASS_SERVICE_TOKEN holds its token."""

    edges: Literal["keep", "drop"] = "keep"
    """Treatment of boxes that touch an area without data (nodata value, mask or alpha band of the
    image), whose edge draws false positives: `keep` marks them as `at_edge`, `drop` leaves them out
    and counts them."""

    outputs: tuple[Literal["coco", "geojson", "gpkg", "yolo", "dota", "tracks", "video"], ...] = (
        "coco",
        "geojson",
    )
    """File formats beside Parquet: `coco` is COCO json; `geojson` holds the georeferenced scenes,
    in WGS 84 and in their own coordinate reference system, `gpkg` the same scenes as a GeoPackage
    with a style for QGIS; `yolo` and `dota` are label files; `tracks` follows objects from frame to
    frame of videos, as CSV and in the form of MOT, and `video` draws them, too."""

    tracker: Literal["bytetrack", "botsort"] = "bytetrack"
    """Tracker of `tracks` and `video`; `botsort` follows the movement of the camera, too."""

    viewer_scenes: int = Field(default=4, ge=0)
    """Number of scenes to prepare for viewing in a browser, those with most boxes; 0 for none."""

    max_bad_share: float = Field(default=0.2, ge=0, le=1)
    """Maximum share of unreadable scenes before the run is refused."""

    pixels: PixelOptions = PixelOptions()
    """How the pixels of the scenes are read."""

    @model_validator(mode="after")
    def _overlap_below_tile_size(self) -> Self:
        by_hand = self.overlap != "auto" and self.tile_size != "auto"
        if by_hand and int(self.overlap) >= int(self.tile_size):
            raise ValueError(
                f"overlap ({self.overlap}) must be smaller than tile_size ({self.tile_size})"
            )
        return self
