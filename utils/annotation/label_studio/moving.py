"""Annotations that Spyglass submitted and nobody has touched become proposals."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from utils.annotation.label_studio.annotations import is_reviewed
from utils.annotation.label_studio.connection import ask, json_items, url_of
from utils.annotation.label_studio.data_manager import (
    MOMENT,
    all_of,
    condition,
    count_tasks,
    listed_tasks,
)
from utils.annotation.label_studio.export import download_tasks
from utils.annotation.label_studio.known_labels import import_known_labels
from utils.annotation.label_studio.options import LabelStudioOptions
from utils.annotation.label_studio.predictions import TaskPrediction
from utils.annotation.label_studio.tasks import TRUTH, known_labels_proposal
from utils.files import write_whole
from utils.issues import IssueReport
from utils.paths import local_folder

if TYPE_CHECKING:
    from label_studio_sdk import LabelStudio

    from utils.annotation.project import Project

_DELETED_AT_ONCE = 5000
_LONG_AGO = datetime.min.replace(tzinfo=UTC)
_AS_IMPORTED = (
    condition("total_annotations", "equal", 1),
    condition("cancelled_annotations", "equal", 0),
    condition("draft_exists", "equal", value=False, kind="Boolean"),
)
_NO_PREDICTION = condition("total_predictions", "equal", 0)
_SOME_PREDICTION = condition("total_predictions", "greater", 0)


def move_to_proposals(
    client: LabelStudio,
    project: Project,
    name: str,
    options: LabelStudioOptions,
    issues: IssueReport,
) -> int:
    """Turn annotations that were imported as ground truth, and never touched, into proposals.

    Everything else stays: what people submitted, updated, skipped, commented or began as a draft,
    tasks with a detector's boxes, and tasks of other origin. Nothing is lost if the process is
    killed: the proposals are there before the annotations go, and a note on disk names the tasks
    that may have both.

    Args:
        client: From `connect`.
        project: From `open_project`.
        name: Name under which the project shows proposals.
        options: Size of a request, and the time to wait.
        issues: Receives proposals that the server refuses.

    Returns:
        The number of annotations that became proposals.

    Raises:
        ApiError, httpx.HTTPError: If the server fails for good.
    """
    note = _note(client, project)
    half_moved = _noted(note)
    if not half_moved and not count_tasks(client, project.id, [*_AS_IMPORTED, _NO_PREDICTION]):
        return 0
    only = [*_AS_IMPORTED, _NO_PREDICTION]
    wanted = {task["id"] for task in listed_tasks(client, project.id, only=only)} | half_moved
    with TemporaryDirectory(prefix="spyglass-moving-") as scratch:
        path = Path(scratch, "tasks.json")
        download_tasks(client, project, path, options.timeout_s)
        untouched = _Untouched(path, wanted)
        write_whole(note, json.dumps(sorted(wanted)))
        proposals = untouched.proposals(name)
        import_known_labels(client, project, proposals, name, options, issues)
    moved = _delete_annotations(client, project, untouched)
    note.unlink(missing_ok=True)
    return moved


@dataclass
class _Untouched:
    """The tasks of an export whose only annotation is as it was imported.

    Attributes:
        path: The export as JSON.
        wanted: Numbers of the tasks that are looked at.
        numbers: Numbers of those found, once all proposals have been read.
        last_change: Time of the last change to any of them.
    """

    path: Path
    wanted: set[int]
    numbers: list[int] = field(default_factory=list)
    last_change: datetime = _LONG_AGO

    def proposals(self, name: str) -> Iterator[TaskPrediction]:
        """Yield the annotations of tasks without a prediction as proposals."""
        with self.path.open("rb") as stream:
            for task in json_items(stream):
                if task["id"] not in self.wanted or not _is_as_imported(task):
                    continue
                self.numbers.append(task["id"])
                changed = datetime.fromisoformat(task["updated_at"])
                self.last_change = max(self.last_change, changed)
                if not task["predictions"]:
                    result = task["annotations"][0]["result"]
                    proposal = known_labels_proposal(result, name)
                    yield TaskPrediction(task["data"]["tile_id"], task["id"], proposal)


def _is_as_imported(task: Mapping[str, Any]) -> bool:
    annotations = task["annotations"]
    return (
        bool(task["data"].get("tile_id") and task["data"].get("uid"))
        and not task.get("comment_count")
        and not task.get("drafts")
        and len(annotations) == 1
        and not is_reviewed(annotations[0])
        and all(region["id"].startswith(f"{TRUTH}-") for region in annotations[0]["result"])
    )


def _delete_annotations(client: LabelStudio, project: Project, untouched: _Untouched) -> int:
    """Delete the annotations in few requests, but none that somebody has worked on meanwhile."""
    last_change = untouched.last_change.astimezone(UTC).strftime(MOMENT)
    unchanged = condition("updated_at", "less_or_equal", last_change, "Datetime")
    filters = all_of([*_AS_IMPORTED, _SOME_PREDICTION, unchanged])
    deleted = 0
    for start in range(0, len(untouched.numbers), _DELETED_AT_ONCE):
        some = untouched.numbers[start : start + _DELETED_AT_ONCE]
        answer = ask(
            client,
            "POST",
            "api/dm/actions/",
            params={"id": "delete_tasks_annotations", "project": project.id},
            json={"selectedItems": {"all": False, "included": some}, "filters": filters},
        )
        deleted += int(answer["processed_items"])
    return deleted


def _noted(note: Path) -> set[int]:
    """The tasks that a killed run was moving."""
    try:
        return {int(number) for number in json.loads(note.read_text())}
    except (FileNotFoundError, ValueError, TypeError):
        return set()


def _note(client: LabelStudio, project: Project) -> Path:
    name = hashlib.sha256(f"{url_of(client)}/projects/{project.id}".encode()).hexdigest()[:16]
    return local_folder("sending") / f"{name}-moving.json"
