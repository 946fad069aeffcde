"""What people have reviewed since a labelled dataset was made."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from utils.annotation.connection import ask, explained, url_of
from utils.annotation.project import Project
from utils.annotation.proposals import Proposals
from utils.annotation.review import is_reviewed, moment, newest
from utils.dataset.labeled import LabeledTile
from utils.dataset.review_tally import ReviewTally
from utils.geometry import Window

if TYPE_CHECKING:
    from label_studio_sdk import LabelStudio

_PAGE = 200
_MOMENT = "%Y-%m-%dT%H:%M:%S.%fZ"  # no other is understood
# Two people may save at the same time, and the one that began first may end last.
_SLACK = timedelta(minutes=10)

Known = dict[str, tuple[int | None, datetime | None]]


@dataclass
class FreshReviews:
    """Reviews that a dataset does not know.

    Attributes:
        tiles: Reviewed tiles whose annotation is another than in the dataset.
        of_models: What became of those for which a model had proposed boxes.
    """

    tiles: int = 0
    of_models: ReviewTally = field(default_factory=ReviewTally)


def known_reviews(labels: Iterable[LabeledTile]) -> Known:
    """Number and time of the annotation of each reviewed tile of a dataset."""
    return {
        tile.tile_id: (tile.annotation_id, tile.annotated_at) for tile in labels if tile.reviewed
    }


def fresh_reviews(client: LabelStudio, project: Project, known: Known) -> FreshReviews:
    """Count what was reviewed since; only tasks that have changed are fetched.

    Args:
        client: From `connect`.
        project: From `open_project`.
        known: Of the dataset, from `known_reviews`; empty where there is none.

    Raises:
        LabelStudioError: If the server fails.
    """
    fresh = FreshReviews()
    proposals = Proposals(client, project.class_names, {})
    times = [at for _, at in known.values() if at is not None]
    with explained(url_of(client), "Looking for reviews"):
        for task in _changed_tasks(client, project, max(times) - _SLACK if times else None):
            chosen = newest(task["annotations"])
            if chosen is None or not is_reviewed(chosen):
                continue
            if known.get(task["data"].get("tile_id")) == (chosen["id"], moment(chosen)):
                continue
            fresh.tiles += 1
            if prediction := _parent(task, chosen):
                data = task["data"]
                window = Window(x=0, y=0, width=int(data["width"]), height=int(data["height"]))
                judged = proposals.review(window, None, {**chosen, "prediction": prediction})
                fresh.of_models.add(judged.review)
    return fresh


def _parent(task: dict[str, Any], annotation: Any) -> dict[str, Any] | None:
    """The prediction that an annotation was made from, where it is still there."""
    parent = annotation.get("parent_prediction")
    return next((one for one in task["predictions"] if one["id"] == parent), None)


def _changed_tasks(
    client: LabelStudio, project: Project, since: datetime | None
) -> Iterator[dict[str, Any]]:
    """The tasks of tiles that were touched, with annotations and predictions, page by page."""
    parameters: dict[str, Any] = {
        "project": project.id,
        "fields": "all",
        "resolve_uri": "false",
        "page_size": _PAGE,
    }
    if since is not None:
        touched = {
            "filter": "filter:tasks:updated_at",
            "operator": "greater",
            "type": "Datetime",
            "value": since.astimezone(UTC).strftime(_MOMENT),
        }
        filters = {"conjunction": "and", "items": [touched]}
        parameters["query"] = json.dumps({"filters": filters})
    page, listed, total = 1, 0, 1
    while listed < total:
        answer = ask(client, "GET", "api/tasks/", params=parameters | {"page": page})
        yield from (task for task in answer["tasks"] if task["data"].get("tile_id"))
        if not answer["tasks"]:
            return
        page, listed, total = page + 1, listed + len(answer["tasks"]), answer["total"]
