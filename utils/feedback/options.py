"""Options of the choice of tiles to review next."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from utils.options import Options

Share = Annotated[float, Field(ge=0, le=1)]
NotedReason = Literal["uncertain", "outlier", "drifted"]
_REASON_SHARES: dict[NotedReason, float] = {"uncertain": 0.3, "outlier": 0.2, "drifted": 0.2}


class PickWeights(Options):
    """Weight of each part of a tile's score; each part is in [0, 1]."""

    uncertainty: float = Field(default=1.0, ge=0)
    """Weight of uncertainty: predicted boxes with scores near the threshold. The part is the share
    of tiles on which the detector was more certain."""

    disagreement: float = Field(default=1.0, ge=0)
    """Weight of disagreement: unreviewed labels that contradict confident predictions, so that one
    of the two is wrong."""

    outlier: float = Field(default=1.0, ge=0)
    """Weight of the outlier score that the service noted: features unlike those of the training
    set. Images from production only."""

    drift: float = Field(default=1.0, ge=0)
    """Weight of drift: brightness, contrast or sharpness unlike those of the test split. Images
    from production only."""

    novelty: float = Field(default=0.0, ge=0)
    """Weight of novelty: the distance from all labelled tiles in the detector's features. It is 0
    by default, as uncertainty alone taught more (docs/feedback.md); where `near_duplicate` is 0
    too, no features are computed."""


class FeedbackOptions(Options):
    """Options of the choice of tiles to review next."""

    source: Literal["predictions", "production"] = "predictions"
    """Images to pick from: those of the newest predictions, or those that were sent to the service
    and kept there (`deployment.keep: images`)."""

    days: float = Field(default=30, gt=0)
    """Age in days of the oldest notes of the service that count."""

    notes: str | None = None
    """Folder of the service's notes, of a service elsewhere; by default that of the service on this
    machine."""

    budget: int = Field(default=50, ge=1)
    """Number of tiles to pick. Tiles tagged in FiftyOne are all picked, even if there are more."""

    confidence: Annotated[float, Field(gt=0, lt=1)] | Literal["auto"] = "auto"
    """The score at which the detector is least certain, and the lowest score of a box that is sent
    as a pre-annotation; `auto` is the confidence chosen in training. Predictions made with a lower
    confidence show more of the boxes that it nearly found."""

    weights: PickWeights = PickWeights()
    """Weight of each reason to pick a tile."""

    random_share: Share = 0.1
    """Share of the tiles that is picked at random, so that reviews stay a fair sample of all."""

    held_out_by_chance: bool = True
    """Whether the random share is drawn from scenes of val and test too, so that the tiles that
    detectors are evaluated on grow without regard to any prediction. No tile of these scenes is
    ever picked for its score, since detectors do not learn from them."""

    scene_share: Annotated[float, Field(gt=0, le=1)] = 0.5
    """Largest share of the tiles from one scene, as long as other scenes have tiles left."""

    class_shares: dict[str, Share] = Field(default_factory=dict)
    """Smallest share of the tiles with a class, such as `{buoy: 0.3}`, as far as the predictions or
    the labels contain it."""

    reason_shares: dict[NotedReason, Share] = Field(default=_REASON_SHARES)
    """Smallest share of the tiles that is picked for each reason alone, of images from production;
    without it all of them would be drifted ones once everything drifts. By default 0.3 `uncertain`,
    0.2 `outlier` and 0.2 `drifted`."""

    near_duplicate: float = Field(default=0.02, ge=0, le=1)
    """Cosine distance of the detector's features below which two tiles are near duplicates, of
    which only one is picked."""

    looked_at: int = Field(default=1000, ge=1)
    """Number of tiles, highest scores first, whose features are computed for novelty and near
    duplicates, and number of labelled tiles that they are compared with."""

    tag: str = "relabel"
    """Tag of the samples in FiftyOne that are picked whatever their score."""

    only_tagged: bool = False
    """Pick tagged tiles only."""

    seed: int = 0
    """Seed of the random choices."""
