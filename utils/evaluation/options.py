"""Options of evaluating a detector and promoting a better one."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, field_validator

from utils.detection.options import PredictorOptions
from utils.options import Options


class BootstrapOptions(Options):
    """Options of confidence intervals, found by drawing scenes again and again."""

    samples: int = Field(default=1000, ge=100)
    """Number of bootstrap samples; each draws as many scenes as the test set has, with
    replacement."""

    level: float = Field(default=0.95, gt=0.5, lt=1)
    """Share of the samples that lies within an interval."""

    seed: int = 0
    """Seed of the draws: the same scores have the same intervals."""


class EvaluationOptions(PredictorOptions):
    """Options of an evaluation; those of the predictor are the same as in an inference."""

    check_backends: bool = False
    """Whether to export the detector, measure the mAP50 that each backend of `inference.backend`
    loses on the tiles, and keep both with the detector: no inference uses a backend that loses more
    than 0.005."""

    worst_tiles: int = Field(default=24, ge=0)
    """Number of tiles to show, those with the most errors."""

    bootstrap: BootstrapOptions = BootstrapOptions()
    """How the confidence intervals are found."""

    @field_validator("confidence", mode="before")
    @classmethod
    def _none_is_auto(cls, confidence: Any) -> Any:
        # Earlier versions wrote null where "auto" stands now.
        return "auto" if confidence is None else confidence


class PromotionOptions(Options):
    """Conditions under which a challenger replaces the detector in production."""

    metric: Literal["auto", "mAP50-95", "mAP50", "top1", "F1"] = "auto"
    """Metric that decides, over all classes, on the test tiles. `auto` is mAP50-95, or top1 for
    classes of whole images; F1 is the mean over these classes."""

    margin: float = Field(default=0.005, ge=0, lt=1)
    """Minimum lead of the challenger."""

    confidence: float = Field(default=0.9, gt=0.5, lt=1)
    """Share of bootstrap samples in which the challenger must lead by the margin."""

    class_floor: float = Field(default=0.05, ge=0, le=1)
    """Maximum loss on any one class."""

    max_slowdown: float = Field(default=1.5, gt=0)
    """Maximum ratio of the challenger's time for a tile to the champion's."""

    shadow_images: int = Field(default=0, ge=0)
    """Minimum number of images that the challenger shadowed (`deployment.shadow`) and people have
    reviewed, on which it must agree with them as well as the champion; 0 asks for none."""

    min_scenes: int = Field(default=2, ge=1)
    """Minimum number of test scenes with objects. With one scene all samples are alike, so that
    nothing tells a better detector from a lucky one; with two, half of them are, and a confidence
    of 0.9 asks to be better on both. Ask for four or more where you have them. Scenes of one group
    (`source.group`) count once."""
