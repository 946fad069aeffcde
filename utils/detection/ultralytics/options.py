"""Options of a training with ultralytics."""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal, Self

import yaml
from pydantic import Field, field_validator, model_validator

from utils.dataset.options import SamplingOptions
from utils.options import Options, unknown_key

_HAVE_A_FIELD = {
    "epochs", "imgsz", "batch", "patience", "seed", "device", "model", "augmentations",
}  # fmt: skip
_SET_BY_SPYGLASS = {
    "task", "mode", "data", "project", "name", "exist_ok", "resume", "save", "save_dir", "cfg",
    "val", "split", "verbose",
}  # fmt: skip


class TrainingOptions(Options):
    """Options of a training."""

    model_checkpoint: str = "yolov8n.pt"
    """The weights to start from: a file, also `gs://...`, a name found in `weights_dir` or published by ultralytics (`yolov8n.pt`, `yolov5nu.pt`, `yolo11s.pt`, `rtdetr-l.pt`...), or an architecture (`yolov8n.yaml`, `rtdetr-l.yaml`) to start from scratch. The name of a detector serves every kind of shapes: for polygons, `yolov8n.pt` means `yolov8n-seg.pt` if that can be had; else the detector's weights are transferred."""  # noqa: E501

    start: Literal["checkpoint", "production"] = "checkpoint"
    """Weights to begin with: those of `model_checkpoint`, or of the detector in production, where there is one. `--watch` begins with the latter."""  # noqa: E501

    replay: float | None = Field(default=None, ge=0, le=1)
    """Share of an epoch's tiles that the detector in production has learned from already, with `start: production`; the others are new, or have other labels. By default all are shown."""  # noqa: E501

    weights_dir: str | None = None
    """A folder with weights by name, where downloaded ones are kept too, or `gs://...`; `.local/weights` by default."""  # noqa: E501

    allow_scratch: bool = False
    """Whether to train from scratch, with a warning, if the weights cannot be found or
    downloaded."""

    known_as: dict[str, str] = Field(default_factory=dict)
    """Names that the weights have for classes of the labels, such as `ship: boat`: the training
    then starts from what the weights know of `boat`."""

    epochs: int = Field(default=100, ge=1)
    """Maximum number of epochs."""

    imgsz: int = Field(default=640, ge=32)
    """Side, in pixels, to which tiles are resized; at least 128 for an RT-DETR. 224 is usual for
    classes of whole images."""

    batch: int | float = 16
    """Tiles per step, over all devices; -1 lets ultralytics find the most that fits a GPU."""

    patience: int = Field(default=50, ge=0)
    """Stop after this many epochs without a better validation result; 0 never stops early."""

    seed: int = 0
    """Seed of everything random."""

    device: str = "auto"
    """`auto` (all CUDA devices, else Apple's GPU, else the CPU), or as ultralytics takes it: `cpu`, `0`, `0,1`, `mps`."""  # noqa: E501

    sampling: SamplingOptions = SamplingOptions()
    """How often each tile is used in an epoch."""

    resume: bool = False
    """Whether to insist on resuming an interrupted training: an error if there is none. Without it
    an interrupted training is resumed too, but a new one begins if there is none. Either way a
    finished training is not repeated."""

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
    def _replays_what_was_learned(self) -> Self:
        if self.replay is not None and self.start != "production":
            raise ValueError(
                "replay is for a training that goes on from the detector in production: add "
                "start: production to the file, or --set training.start=production"
            )
        return self

    @model_validator(mode="after")
    def _augmentations_that_work(self) -> Self:
        if self.augmentations:
            # Imported late: it takes seconds, and most trainings go without.
            from utils.detection.augmentations import build_augmentations

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


@cache
def known_arguments() -> frozenset[str]:
    """Names of ultralytics' arguments, read from its configuration without importing it."""
    package = find_spec("ultralytics")
    if package is None or package.origin is None:  # the package is a dependency
        raise ModuleNotFoundError("ultralytics")
    defaults = Path(package.origin).with_name("cfg") / "default.yaml"
    return frozenset(yaml.safe_load(defaults.read_text(encoding="utf-8")))
