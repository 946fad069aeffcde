"""What people have reviewed since a labelled dataset was made."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from utils.annotation.label_studio.connection import explained, url_of
from utils.annotation.label_studio.listing import listed_tasks
from utils.annotation.label_studio.project import Project
from utils.annotation.label_studio.proposals import Proposals
from utils.annotation.review import Annotation, is_reviewed, moment, newest
from utils.dataset.labeled import LabeledTile
from utils.dataset.review_tally import ReviewTally
from utils.geometry import Window

if TYPE_CHECKING:
    from label_studio_sdk import LabelStudio

_PAGE = 200
_MOMENT = "%Y-%m-%dT%H:%M:%S.%fZ"  # no other is understood
# Two people may save at the same time, and the one that began first may end last.
_SLACK = timedelta(minutes=10)

Known = dict[str, datetime | None]


@dataclass
class FreshReviews:
    """Reviews that a dataset does not know.

    Attributes:
        tiles: Reviewed tiles whose annotation is newer than in the dataset.
        of_models: What became of those for which a model had proposed boxes.
        marks: What tells each of these reviews from any other, by tile id.
    """

    tiles: int = 0
    of_models: ReviewTally = field(default_factory=ReviewTally)
    marks: dict[str, str] = field(default_factory=dict)

    @property
    def fingerprint(self) -> str:
        """The same for the same reviews."""
        return hashlib.sha256(json.dumps(sorted(self.marks.items())).encode()).hexdigest()[:16]


def known_reviews(labels: Iterable[LabeledTile]) -> Known:
    """The time of the annotation of each reviewed tile of a dataset, by tile id."""
    return {tile.tile_id: tile.annotated_at for tile in labels if tile.reviewed}


def fresh_reviews(
    client: LabelStudio, project: Project, known: Known, sent: Container[str]
) -> FreshReviews:
    """Count what was reviewed since; only tasks that have changed are fetched.

    Reviews of tiles that no manifest knows do not count: an export cannot bring them back, and
    they would be fresh for ever. So would the older review of a tile with several tasks.

    Args:
        client: From `connect`.
        project: From `open_project`.
        known: Of the dataset, from `known_reviews`; empty where there is none.
        sent: The ids of the tiles that an export can bring back.

    Raises:
        LabelStudioError: If the server fails.
    """
    fresh = FreshReviews()
    proposals = Proposals(client, project.class_names, {})
    times = [at for at in known.values() if at is not None]
    with explained(url_of(client), "Looking for reviews"):
        for task in _changed_tasks(client, project, max(times) - _SLACK if times else None):
            chosen, tile_id = newest(task["annotations"]), task["data"]["tile_id"]
            if chosen is None or not is_reviewed(chosen):
                continue
            if tile_id in fresh.marks or tile_id not in sent or _is_known(chosen, tile_id, known):
                continue
            fresh.tiles += 1
            fresh.marks[tile_id] = f"{chosen['id']} {chosen['updated_at']}"
            if prediction := _parent(task, chosen):
                data = task["data"]
                window = Window(x=0, y=0, width=int(data["width"]), height=int(data["height"]))
                judged = proposals.review(window, None, {**chosen, "prediction": prediction})
                if judged is not None:
                    fresh.of_models.add(judged.review)
    return fresh


def _is_known(annotation: Annotation, tile_id: str, known: Known) -> bool:
    """Whether a dataset has this annotation of a tile, or a newer one."""
    at = known.get(tile_id)
    return at is not None and moment(annotation) <= at


def _parent(task: dict[str, Any], annotation: Any) -> dict[str, Any] | None:
    """The prediction that an annotation was made from, where it is still there."""
    parent = annotation.get("parent_prediction")
    return next((one for one in task["predictions"] if one["id"] == parent), None)


def _changed_tasks(
    client: LabelStudio, project: Project, since: datetime | None
) -> Iterator[dict[str, Any]]:
    """The tasks of tiles that were touched, with annotations and predictions, page by page."""
    touched = (
        None
        if since is None
        else {
            "filter": "filter:tasks:updated_at",
            "operator": "greater",
            "type": "Datetime",
            "value": since.astimezone(UTC).strftime(_MOMENT),
        }
    )
    for task in listed_tasks(client, project.id, page_size=_PAGE, only=touched, everything=True):
        if task["data"].get("tile_id"):
            yield task
