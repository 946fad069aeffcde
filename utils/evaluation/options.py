"""What can be configured about evaluating a detector and promoting a better one."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from utils.options import Options


class BootstrapOptions(Options):
    """How sure a number is, found by drawing scenes again and again."""

    samples: int = Field(default=1000, ge=100)
    """How many times as many scenes as there are are drawn, with replacement."""

    level: float = Field(default=0.95, gt=0.5, lt=1)
    """The share of the samples that lies within an interval."""

    seed: int = 0
    """Seed of the drawing: the same scores have the same intervals."""


class EvaluationOptions(Options):
    """How a detector is judged."""

    imgsz: int | None = None
    """Side, in pixels, to which tiles are resized; by default as in training."""

    iou: float = Field(default=0.7, gt=0, le=1)
    """Overlap (intersection over union) above which two boxes in one tile are the same object."""

    max_boxes: int = Field(default=300, ge=1)
    """The most boxes kept in one tile."""

    merge_iou: float = Field(default=0.5, gt=0, le=1)
    """The same as `iou` for boxes of two tiles of a scene, measured where both tiles look."""

    confidence: float | None = Field(default=None, ge=0, le=1)
    """The lowest score of a box that counts in the confusion matrix, the error kinds and the
    pictures; by default the one the training chose on val, or, where it chose none, the one with
    the best F1 on these tiles."""

    augment: bool = False
    """Whether to look at each tile twice, as `inference.augment` does; in a training it is so that
    the confidence is chosen, too."""

    batch: int = Field(default=8, ge=1)
    """Tiles of one size looked at together."""

    check_backends: bool = False
    """Whether to export the detector, measure the mAP50 that each backend of `inference.backend`
    loses on the tiles, and keep both with the detector: none that loses more than 0.005 is used."""

    device: str = "auto"
    """`auto` (CUDA, else Apple's GPU, else the CPU), or as ultralytics takes it."""

    worst_tiles: int = Field(default=24, ge=0)
    """How many of the tiles with the most errors are shown."""

    bootstrap: BootstrapOptions = BootstrapOptions()
    """How the confidence intervals are found."""


class PromotionOptions(Options):
    """When a challenger takes the place of the detector in production."""

    metric: Literal["mAP50-95", "mAP50"] = "mAP50-95"
    """What decides, over all classes, on the test tiles."""

    margin: float = Field(default=0.005, ge=0, lt=1)
    """By how much the challenger must be better, at least."""

    confidence: float = Field(default=0.9, gt=0.5, lt=1)
    """The share of bootstrap samples in which it must be better by the margin."""

    class_floor: float = Field(default=0.05, ge=0, le=1)
    """How much worse it may be on any one class."""

    max_slowdown: float = Field(default=1.5, gt=0)
    """The most times as long it may take for a tile."""

    min_scenes: int = Field(default=2, ge=1)
    """The fewest test scenes with objects that may decide. Of one scene all samples are alike, so
    that nothing tells a better detector from a lucky one; of two, half of them are, and a
    confidence of 0.9 asks to be better on both. Ask for four or more where you have them. Scenes of
    one group (`source.group`) count once."""
