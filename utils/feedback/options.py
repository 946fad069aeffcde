"""How tiles are picked for people to look at."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from utils.options import Options

Share = Annotated[float, Field(ge=0, le=1)]


class PickWeights(Options):
    """How much each part of a tile's score counts; each part is in [0, 1]."""

    uncertainty: float = Field(default=1.0, ge=0)
    """Scores of found boxes near the threshold, where the detector could not decide: the share of
    tiles on which it was more certain."""

    disagreement: float = Field(default=1.0, ge=0)
    """Labels nobody has reviewed, against what the detector is sure of: one of them is wrong."""

    novelty: float = Field(default=0.0, ge=0)
    """How unlike the labelled tiles it looks to the detector; none by default, as uncertainty alone
    taught more (docs/feedback.md). Where `near_duplicate` is 0, too, looking is spared."""


class FeedbackOptions(Options):
    """Which tiles people shall look at next."""

    budget: int = Field(default=50, ge=1)
    """How many tiles to pick. Those tagged in FiftyOne are picked even where they are more."""

    confidence: Annotated[float, Field(gt=0, lt=1)] | Literal["auto"] = "auto"
    """The score at which the detector is least certain, and the lowest of a box that is sent as a
    pre-annotation; `auto` is the one chosen in training. Predictions made with a lower one tell
    more about what it nearly found."""

    weights: PickWeights = PickWeights()
    """How much each reason counts."""

    random_share: Share = 0.1
    """Share of the tiles that is picked by chance, so that what people see stays honest."""

    held_out_by_chance: bool = True
    """Whether the share by chance is drawn from scenes of val and test, too, so that what judges
    detectors grows with what they see, and by nothing that a detector says. For its score no tile
    of these scenes is ever picked: detectors do not learn from them."""

    scene_share: Annotated[float, Field(gt=0, le=1)] = 0.5
    """Largest share of the tiles that one scene may have, as long as others have any."""

    class_shares: dict[str, Share] = Field(default_factory=dict)
    """Smallest share of the tiles that shall show a class, such as `{buoy: 0.3}`, as far as the
    detector or the labels know of any."""

    near_duplicate: float = Field(default=0.02, ge=0, le=1)
    """Cosine distance below which two tiles look the same to the detector: only one is picked."""

    looked_at: int = Field(default=1000, ge=1)
    """How many tiles, those with the highest scores, are looked at for novelty and duplicates, and
    how many labelled tiles they are compared with."""

    tag: str = "relabel"
    """The tag of samples in FiftyOne that are picked whatever their score."""

    only_tagged: bool = False
    """Pick nothing but what is tagged."""

    seed: int = 0
    """Seed of everything random."""
