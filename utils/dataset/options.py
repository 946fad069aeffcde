"""Options of splits and checks."""

from __future__ import annotations

from math import isclose
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from utils.options import Options

_TOLERANCE = 1e-6


class PinnedScenes(Options):
    """Scenes whose split is chosen by hand instead of by hash."""

    train: tuple[str, ...] = ()
    """Scenes to train on: a scene id, an image's name with or without its suffix, a pattern such as `port/2023-*`, or the path of a `.txt` file with one of these a line."""  # noqa: E501

    val: tuple[str, ...] = ()
    """Scenes to validate on during training, named as in `train`."""

    test: tuple[str, ...] = ()
    """Scenes kept for the final evaluation, named as in `train`."""


class SplitFractions(Options):
    """How groups of scenes are shared out among train, val and test: by a hash, pinned, or given.

    With few scenes a hash may leave a split empty; pin a scene to it then. `fractions: as_given`
    keeps the splits of the source, as `as_given: true` does.
    """

    train: float = Field(default=0.7, gt=0, le=1)
    """Share of the scenes to train on."""

    val: float = Field(default=0.15, ge=0, lt=1)
    """Share of the scenes to validate on after every epoch."""

    test: float = Field(default=0.15, ge=0, lt=1)
    """Share of the scenes kept for the final evaluation."""

    pinned: PinnedScenes = PinnedScenes()
    """Scenes whose split is chosen by hand; the others follow their hash."""

    as_given: bool | Literal["auto"] = "auto"
    """Whether scenes stay in the split that their source gives them: folders `train`, `valid` and
    `test`, lists of YOLO, the split of a Hugging Face dataset. `auto`: if it gives all three, and
    no group of scenes and no copy of a picture is in two of them. Others follow their hash."""

    @model_validator(mode="before")
    @classmethod
    def _in_one_word(cls, value: Any) -> Any:
        return {"as_given": True} if value == "as_given" else value

    @model_validator(mode="after")
    def _sum_to_one(self) -> Self:
        total = self.train + self.val + self.test
        if not isclose(total, 1, abs_tol=_TOLERANCE):
            raise ValueError(f"train, val and test must sum to 1, not to {total:g}")
        return self


class SamplingOptions(Options):
    """How often tiles are seen in an epoch; val and test are left as they are."""

    background_share: float = Field(default=1, ge=0, le=1)
    """The largest share of the training tiles that may be empty: of more, some are left out, chosen
    by a hash of their id."""

    rare_share: float = Field(default=0, ge=0, le=1)
    """A class in fewer than this share of the training tiles is rare: tiles with it are seen more
    than once, the rarer the more often. 0 leaves every tile at once."""


class CheckOptions(Options):
    """Checks before training, and their limits."""

    decode_images: bool = True
    """Whether to decode every image, to find the broken ones and the same picture in two splits."""

    few_images: int = Field(default=50, ge=0)
    """Number of training tiles with a class below which a warning says so; 0 for none."""

    compare_with: str | None = "production"
    """Pictures that are to be predicted, for advice on what the labels lack beside them: a folder,
    or `production` for what the model's service on this machine has noted, if anything."""

    max_bad_share: float = Field(default=0.2, ge=0, le=1)
    """The largest share of tiles that may be set aside before training is refused."""
