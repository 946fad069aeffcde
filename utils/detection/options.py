"""What can be configured about training, its record in MLflow, evaluation and inference."""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import Field, field_validator, model_validator

from utils.dataset.options import SamplingOptions
from utils.images.options import PixelOptions
from utils.options import Options, unknown_key

_HAVE_A_FIELD = {
    "epochs", "imgsz", "batch", "patience", "seed", "device", "model", "augmentations",
}  # fmt: skip
_SET_BY_SPYGLASS = {
    "task", "mode", "data", "project", "name", "exist_ok", "resume", "save", "save_dir", "cfg",
    "val", "split", "verbose",
}  # fmt: skip


class TrainingOptions(Options):
    """How a detector is trained."""

    model_checkpoint: str = "yolov8n.pt"
    """The weights to start from: a file, also `gs://...`, a name found in `weights_dir` or published by ultralytics (`yolov8n.pt`, `yolov5nu.pt`, `yolo11s.pt`...), or an architecture (`yolov8n.yaml`) to start from scratch."""  # noqa: E501

    weights_dir: str | None = None
    """A folder with weights by name, where downloaded ones are kept too, or `gs://...`; `.local/weights` by default."""  # noqa: E501

    allow_scratch: bool = False
    """Whether to train from scratch, with a warning, where the weights cannot be had."""

    known_as: dict[str, str] = Field(default_factory=dict)
    """What the weights call classes that they know by another name, such as `ship: boat`, so that
    training starts from what they know of them."""

    epochs: int = Field(default=100, ge=1)
    """How many times to go through the training tiles at most."""

    imgsz: int = Field(default=640, ge=32)
    """Side, in pixels, to which tiles are resized."""

    batch: int | float = 16
    """Tiles a step over all devices; -1 lets ultralytics find the most that fits a GPU."""

    patience: int = Field(default=50, ge=0)
    """Stop after this many epochs without a better validation result; 0 never stops early."""

    seed: int = 0
    """Seed of everything random."""

    device: str = "auto"
    """`auto` (all CUDA devices, else Apple's GPU, else the CPU), or as ultralytics takes it: `cpu`, `0`, `0,1`, `mps`."""  # noqa: E501

    sampling: SamplingOptions = SamplingOptions()
    """How often the tiles are seen."""

    resume: bool = False
    """Insist on going on with a training that was cut off: an error where none was ever begun; of
    one that has finished the result is taken. Without it both are done too, and where there is no
    such training a new one begins."""

    arguments: dict[str, Any] = Field(default_factory=dict)
    """Any other training argument of ultralytics by name, such as `lr0` or `mosaic`."""

    augmentations: tuple[dict[str, Any], ...] = ()
    """Transforms of Albumentations by name, with their arguments, such as `{name: RandomGamma, p: 0.3}`: applied to training images and boxes, in this order, between ultralytics' own."""  # noqa: E501

    @field_validator("known_as")
    @classmethod
    def _each_known_once(cls, known_as: dict[str, str]) -> dict[str, str]:
        names = {known: name for name, known in known_as.items()}
        for name, known in known_as.items():
            if names[known] != name:
                raise ValueError(f"'{name}' and '{names[known]}' cannot both be known as '{known}'")
        return known_as

    @model_validator(mode="after")
    def _augmentations_that_work(self) -> Self:
        if self.augmentations:
            # Imported late: it takes seconds, and most trainings go without.
            from utils.detection.ultralytics.augmentations import build_augmentations

            build_augmentations(self.augmentations, self.imgsz)
        return self

    @field_validator("arguments")
    @classmethod
    def _known_to_ultralytics(cls, arguments: dict[str, Any]) -> dict[str, Any]:
        known = known_arguments()
        for name in arguments:
            if name in _HAVE_A_FIELD:
                field = "model_checkpoint" if name == "model" else name
                raise ValueError(
                    f"'{name}' has a place of its own: write '{field}' beside 'arguments'"
                )
            if name in _SET_BY_SPYGLASS:
                raise ValueError(f"'{name}' is set by Spyglass and cannot be chosen")
            if name not in known:
                raise ValueError(unknown_key(name, sorted(known - _SET_BY_SPYGLASS)))
        return arguments


class TrackingOptions(Options):
    """Where a training is recorded."""

    tracking_uri: str | None = None
    """MLflow's address or store; by default the one MLflow is set up with."""


class InferenceOptions(Options):
    """How a detector looks through scenes."""

    tile_size: Annotated[int, Field(ge=32)] | Literal["auto"] = "auto"
    """Side of the windows a scene is looked at through, in pixels. `auto` shows objects as large as
    the detector learned them: windows as large as its training tiles (more, or less, by the factor
    of `imgsz`), and, where the ground sample distance of the scene and of these tiles is known,
    larger or smaller by the ratio of the two. A size by hand that shows objects more than a fifth
    larger or smaller is told, with what that costs on val."""

    overlap: Annotated[int, Field(ge=1)] | Literal["auto"] = "auto"
    """Overlap of neighbouring windows, in pixels: an object on a border is found once. `auto` is a
    fifth of a window."""

    imgsz: int | None = None
    """Side, in pixels, to which windows are resized; by default as in training. With `tile_size:
    auto`, larger windows are shown at a larger `imgsz`."""

    confidence: Annotated[float, Field(ge=0, le=1)] | Literal["auto"] = "auto"
    """The lowest score of a box that is kept; `auto` is what the training chose on val (the best
    F1), and 0.25 for a detector without a choice."""

    iou: float = Field(default=0.6, gt=0, le=1)
    """Overlap (intersection over union) above which two boxes in one window are the same object."""

    merge_iou: float = Field(default=0.5, gt=0, le=1)
    """The same for boxes of two windows, measured where both windows look."""

    max_boxes: int = Field(default=1000, ge=1)
    """The most boxes kept in one window."""

    batch: int = Field(default=8, ge=1)
    """Windows looked at together."""

    skip_empty: bool = False
    """Whether to pass over windows of empty water: those whose contrast is below `empty_contrast`.
    Saves time on open sea; a ship that hardly stands out from the water would be missed."""

    empty_contrast: int = Field(default=25, ge=1, le=255)
    """How far brightness must differ within 6 by 6 pixels, somewhere in a window, in grey values of
    255, for `skip_empty` to look at it. 25 passes over none of the windows with ships that it was
    measured on, and about every second one without."""

    device: str = "auto"
    """`auto` (CUDA, else Apple's GPU, else the CPU), or as ultralytics takes it."""

    backend: Literal["auto", "pytorch", "onnx", "openvino", "tensorrt"] = "auto"
    """What runs the network: `auto` is the fastest of those that, checked once on windows of the
    scenes, find what PyTorch finds; `onnx` and `openvino` run on the CPU, `tensorrt` on CUDA."""

    augment: bool = False
    """Whether to look at each window a second time, mirrored and a quarter larger, and join what is
    found (test-time augmentation): better boxes in about 2.5 times the time. Scores differ from
    those of one look: train with `evaluation.augment` too, so that `confidence: auto` fits."""

    edges: Literal["keep", "drop"] = "keep"
    """Treatment of boxes that touch an area without data (nodata value, mask or alpha band of the
    image), whose edge draws false alarms: `keep` marks them as `at_edge`, `drop` leaves them out
    and counts them."""

    outputs: tuple[Literal["coco", "geojson"], ...] = ("coco", "geojson")
    """What the predictions are written as beside Parquet: `coco` is COCO json; `geojson` has the
    scenes that know where they lie, in WGS 84 and in their own coordinate reference system."""

    viewer_scenes: int = Field(default=4, ge=0)
    """How many scenes to prepare for looking at in a browser, those with most boxes; 0 for none."""

    max_bad_share: float = Field(default=0.2, ge=0, le=1)
    """The largest share of scenes that may be unreadable before the run is refused."""

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


@cache
def known_arguments() -> frozenset[str]:
    """The names of ultralytics' arguments, read from its configuration without importing it."""
    package = find_spec("ultralytics")
    if package is None or package.origin is None:  # the package is a dependency
        raise ModuleNotFoundError("ultralytics")
    defaults = Path(package.origin).with_name("cfg") / "default.yaml"
    return frozenset(yaml.safe_load(defaults.read_text(encoding="utf-8")))
