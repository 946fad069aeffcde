"""The newest reviews in a Label Studio project, without an export."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from utils.annotation.label_studio.annotations import Annotation, is_reviewed, moment, newest
from utils.annotation.label_studio.connection import explained, url_of
from utils.annotation.label_studio.data_manager import MOMENT, condition, listed_tasks
from utils.annotation.label_studio.proposals import Proposals
from utils.annotation.preannotations import holds_known_labels
from utils.annotation.review import LatestReview
from utils.geometry import Window

if TYPE_CHECKING:
    from label_studio_sdk import LabelStudio

    from utils.annotation.project import Project
    from utils.dataset.review import Review

_PAGE = 200


def reviews_since(
    client: LabelStudio, project: Project, since: datetime | None
) -> Iterator[LatestReview]:
    """Yield the review that counts of each task that was changed since a moment.

    Only these tasks are fetched. A tile with several tasks has a review for each of them.

    Args:
        client: From `connect`.
        project: From `open_project`.
        since: The moment; None for all tasks.

    Raises:
        LabelStudioError: If the server fails.
    """
    proposals = Proposals(client, project, {})
    with explained(url_of(client), "Looking for reviews"):
        for task in _changed_tasks(client, project, since):
            chosen = newest(task["annotations"])
            if chosen is not None and is_reviewed(chosen):
                yield LatestReview(
                    tile_id=task["data"]["tile_id"],
                    mark=f"{chosen['id']} {chosen['updated_at']}",
                    at=moment(chosen),
                    of_model=_review_of_model(proposals, task, chosen),
                )


def _review_of_model(
    proposals: Proposals, task: dict[str, Any], annotation: Annotation
) -> Review | None:
    """The review of the detector's prediction that an annotation was made from, if it is there."""
    parent = annotation.get("parent_prediction")
    prediction = next((one for one in task["predictions"] if one["id"] == parent), None)
    if prediction is None or holds_known_labels(prediction["model_version"], prediction["score"]):
        return None
    data = task["data"]
    window = Window(x=0, y=0, width=int(data["width"]), height=int(data["height"]))
    found = proposals.review(window, None, {**annotation, "prediction": prediction})
    return None if found is None else found.review


def _changed_tasks(
    client: LabelStudio, project: Project, since: datetime | None
) -> Iterator[dict[str, Any]]:
    """Yield the tasks of tiles that were changed, with annotations and predictions."""
    changed = []
    if since is not None:
        moment_text = since.astimezone(UTC).strftime(MOMENT)
        changed.append(condition("updated_at", "greater", moment_text, "Datetime"))
    for task in listed_tasks(client, project.id, page_size=_PAGE, only=changed, everything=True):
        if task["data"].get("tile_id"):
            yield task
