"""The reviews since a labelled dataset was made."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Container, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from utils.annotation.label_studio.reviews import reviews_since
from utils.annotation.project import Project
from utils.annotation.review import LatestReview
from utils.dataset.labeled import LabeledTile
from utils.dataset.review_tally import ReviewTally

if TYPE_CHECKING:
    from label_studio_sdk import LabelStudio

# Two people may save at the same time, and the one that began first may end last.
_SLACK = timedelta(minutes=10)

Known = dict[str, datetime | None]


@dataclass
class FreshReviews:
    """Reviews that a dataset does not know.

    Attributes:
        tiles: Number of reviewed tiles whose annotation is newer than in the dataset.
        of_models: Tally of the reviews of tiles with boxes that a model had proposed.
        marks: Identity of each of these reviews, by tile id.
    """

    tiles: int = 0
    of_models: ReviewTally = field(default_factory=ReviewTally)
    marks: dict[str, str] = field(default_factory=dict)

    @property
    def fingerprint(self) -> str:
        """Hash that is the same for the same reviews."""
        return hashlib.sha256(json.dumps(sorted(self.marks.items())).encode()).hexdigest()[:16]


def known_reviews(labels: Iterable[LabeledTile]) -> Known:
    """Return the time of the annotation of each reviewed tile of a dataset, by tile id."""
    return {tile.tile_id: tile.annotated_at for tile in labels if tile.reviewed}


def fresh_reviews(
    client: LabelStudio, project: Project, known: Known, sent: Container[str]
) -> FreshReviews:
    """Count the reviews since a dataset was made, fetching only tasks that have changed.

    Reviews of tiles that no manifest knows do not count: an export cannot bring them back, and
    they would be fresh for ever. So would the older review of a tile with several tasks.

    Args:
        client: Client from `connect`.
        project: Project from `open_project`.
        known: Times of the dataset's reviews, from `known_reviews`; empty where there is none.
        sent: Ids of the tiles that an export can bring back.

    Raises:
        LabelStudioError: If the server fails.
    """
    fresh = FreshReviews()
    times = [at for at in known.values() if at is not None]
    for review in reviews_since(client, project, max(times) - _SLACK if times else None):
        tile_id = review.tile_id
        if tile_id in fresh.marks or tile_id not in sent or _is_known(review, known):
            continue
        fresh.tiles += 1
        fresh.marks[tile_id] = review.mark
        if review.of_model is not None:
            fresh.of_models.add(review.of_model)
    return fresh


def _is_known(review: LatestReview, known: Known) -> bool:
    """Whether a dataset has this review of a tile, or a newer one."""
    at = known.get(review.tile_id)
    return at is not None and review.at <= at
