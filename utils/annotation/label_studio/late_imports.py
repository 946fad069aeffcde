"""Imports that arrive after their sender was killed, and the duplicate tasks that come of it.

Label Studio carries out an import that it has received even if the sender is killed meanwhile. The
next command, which has not found the tasks yet, sends them again.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from utils.annotation.label_studio.annotations import is_reviewed
from utils.annotation.label_studio.connection import ask, url_of
from utils.annotation.label_studio.data_manager import TileRow, listed_tasks, tile_tasks
from utils.annotation.label_studio.tasks import TileTask
from utils.files import write_whole
from utils.issues import IssueReport
from utils.paths import local_folder

if TYPE_CHECKING:
    from label_studio_sdk import LabelStudio

_POLL_SECONDS = 0.5
_SETTLING_SECONDS = 5.0


@contextmanager
def under_way(client: LabelStudio, project_id: int, batch: Sequence[TileTask]) -> Iterator[None]:
    """Keep a note of the batch on disk within the block; it stays only if the process is killed.

    Args:
        client: From `connect`.
        project_id: Number of the project.
        batch: The tasks that the block sends.
    """
    # Written before the batch is sent: the next process then knows which tasks may still arrive.
    note = _note(client, project_id)
    write_whole(note, json.dumps([task.tile_id for task in batch]))
    try:
        yield
    except Exception:
        note.unlink(missing_ok=True)
        raise
    note.unlink(missing_ok=True)


def wait_for_late_import(client: LabelStudio, project_id: int) -> None:
    """Wait a few seconds for the import of a sender that was killed.

    Args:
        client: From `connect`.
        project_id: Number of the project.

    Raises:
        ApiError, httpx.HTTPError: If the server fails.
    """
    note = _note(client, project_id)
    try:
        awaited = set(json.loads(note.read_text()))
    except FileNotFoundError:
        return
    except (ValueError, TypeError):
        awaited = set()  # a damaged note: tasks that arrive late are found as duplicates
    deadline = time.monotonic() + _SETTLING_SECONDS
    while awaited and time.monotonic() < deadline:
        awaited -= {task["data"].get("tile_id") for task in listed_tasks(client, project_id)}
        if awaited:
            time.sleep(_POLL_SECONDS)
    note.unlink(missing_ok=True)


def remove_duplicates(
    client: LabelStudio,
    project_id: int,
    issues: IssueReport,
    tasks: Sequence[TileRow] | None = None,
) -> int:
    """Delete the second task of a tile if Spyglass sent both and nobody worked on it.

    Args:
        client: From `connect`.
        project_id: Number of the project.
        issues: Receives each task that was deleted.
        tasks: From `tile_tasks`, if the caller has listed them already.

    Returns:
        The number of tasks deleted.

    Raises:
        ApiError, httpx.HTTPError: If the server fails.
    """
    same: dict[tuple[str, str], list[int]] = defaultdict(list)
    for task in tile_tasks(client, project_id) if tasks is None else tasks:
        if task.uid:
            same[task.tile_id, task.uid].append(task.number)
    duplicates = {tile: numbers for (tile, _), numbers in same.items() if len(numbers) > 1}
    deleted = 0
    for tile_id, numbers in duplicates.items():
        for number in _spare(client, sorted(numbers)):
            client.tasks.delete(id=str(number))
            deleted += 1
            issues.add(
                tile_id,
                "sent twice",
                f"an import arrived late; its task {number}, which nobody had worked on, was "
                "deleted, and the other one stays",
                set_aside=False,
            )
    return deleted


def _spare(client: LabelStudio, numbers: Sequence[int]) -> Sequence[int]:
    """The tasks that can be deleted among those with the same tile, image and ground truth."""
    untouched = {number: sent for number in numbers if (sent := _as_sent(client, number))}
    if len({json.dumps(sent, sort_keys=True) for sent in untouched.values()}) != 1:
        return []  # somebody has deleted an annotation of one of them
    is_one_worked_on = len(untouched) < len(numbers)
    return list(untouched)[0 if is_one_worked_on else 1 :]


def _as_sent(client: LabelStudio, number: int) -> list[Any] | None:
    """The annotations of a task as they were imported, or None if somebody has worked on it."""
    task = ask(client, "GET", f"api/tasks/{number}/", params={"resolve_uri": "false"})
    annotations = task["annotations"]
    is_worked_on = (
        task.get("comment_count")
        or task.get("cancelled_annotations")
        or any(one.get("was_cancelled") or is_reviewed(one) for one in annotations)
        or ask(client, "GET", f"api/tasks/{number}/drafts")
    )
    return None if is_worked_on else ["sent", *(one["result"] for one in annotations)]


def _note(client: LabelStudio, project_id: int) -> Path:
    name = hashlib.sha256(f"{url_of(client)}/projects/{project_id}".encode()).hexdigest()[:16]
    return local_folder("sending") / f"{name}.json"
