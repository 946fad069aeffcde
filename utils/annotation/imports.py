"""Importing tasks so that each arrives once, whatever happens to the request.

Label Studio's import is atomic but not idempotent: a batch arrives whole or not at all, and sent
twice it is there twice. A client that gets no answer cannot know which; it has to look.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from enum import Enum
from typing import TYPE_CHECKING, Any

from utils.annotation.connection import ask, refusal
from utils.annotation.tasks import TileTask
from utils.issues import IssueReport

if TYPE_CHECKING:
    from label_studio_sdk import LabelStudio

_PAGE = 1000
_ATTEMPTS = 3
_LOOK_EVERY_SECONDS = 2.0
_SETTLING_SECONDS = 5.0
_REFUSED = (400, 413, 422)
_STILL_WORKING = (408, 504)
_UNREACHED = (502, 503)


class Outcome(Enum):
    """What a failed import may have left behind."""

    REFUSED = "nothing: sending it again is useless"
    FAILED = "nothing, most likely: the server stumbled while or after storing it"
    LOST = "all or nothing: the connection broke, perhaps just before the end"
    OPEN = "all or nothing: the server may still be at it, so it must not be sent again"


def tasks_there(client: LabelStudio, project_id: int, issues: IssueReport) -> dict[str, str]:
    """The uid of every task in a project by its tile id; tasks of other origin are left out."""
    there: dict[str, str] = {}
    for data in _task_data(client, project_id):
        tile_id = data.get("tile_id")
        if tile_id in there:
            issues.add(
                tile_id,
                "several tasks for one tile",
                "the project holds the tile more than once; delete all but one in Label Studio",
                set_aside=False,
            )
        if tile_id is not None:
            there[tile_id] = str(data.get("uid", ""))
    return there


def import_batch(
    client: LabelStudio,
    project_id: int,
    batch: Sequence[TileTask],
    issues: IssueReport,
    *,
    timeout_s: float,
) -> int:
    """Import tasks; one that the server refuses is set aside and does not sink the others.

    Returns:
        The number of tasks that arrived.

    Raises:
        ApiError, httpx.HTTPError: If the server fails for good.
    """
    from label_studio_sdk.core.api_error import ApiError

    try:
        _import_once(client, project_id, batch, timeout_s)
    except ApiError as error:
        if error.status_code not in _REFUSED:
            raise
        if len(batch) == 1:
            issues.add(batch[0].tile_id, "refused by Label Studio", refusal(error.body))
            return 0
        half = len(batch) // 2
        return sum(
            import_batch(client, project_id, part, issues, timeout_s=timeout_s)
            for part in (batch[:half], batch[half:])
        )
    return len(batch)


def _import_once(
    client: LabelStudio, project_id: int, batch: Sequence[TileTask], timeout_s: float
) -> None:
    """Send a batch, looking whether it has arrived before it is ever sent again."""
    import httpx
    from label_studio_sdk.core.api_error import ApiError

    content = b"[" + b",".join(task.body for task in batch) + b"]"
    patience_s = {Outcome.FAILED: 0.0, Outcome.LOST: _SETTLING_SECONDS, Outcome.OPEN: timeout_s}
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            _post(client, project_id, content, timeout_s)
            return
        except (ApiError, httpx.TransportError) as error:
            outcome = _outcome(error)
            if outcome is Outcome.REFUSED:
                raise
            if _arrives(client, project_id, batch, patience_s[outcome]):
                return
            if outcome is Outcome.OPEN or attempt == _ATTEMPTS:
                raise


def _outcome(error: Exception) -> Outcome:
    import httpx

    status = getattr(error, "status_code", None)
    if isinstance(error, httpx.ReadTimeout) or status in _STILL_WORKING:
        return Outcome.OPEN
    if isinstance(error, httpx.TransportError) or status in _UNREACHED:
        return Outcome.LOST
    return Outcome.FAILED if status is not None and status >= 500 else Outcome.REFUSED


def _post(client: LabelStudio, project_id: int, content: bytes, timeout_s: float) -> None:
    ask(
        client,
        "POST",
        f"api/projects/{project_id}/import",
        content=content,
        headers={"Content-Type": "application/json"},
        timeout_s=timeout_s,
    )


def _arrives(
    client: LabelStudio, project_id: int, batch: Sequence[TileTask], patience_s: float
) -> bool:
    """Whether a batch is there, or comes to be there while the server still works on it."""
    deadline = time.monotonic() + patience_s
    while True:
        there = tasks_there(client, project_id, IssueReport())
        if all(task.tile_id in there for task in batch):
            return True
        if time.monotonic() >= deadline:
            return False
        time.sleep(_LOOK_EVERY_SECONDS)


def _task_data(client: LabelStudio, project_id: int) -> Iterator[dict[str, Any]]:
    """The data of every task, page by page, with nothing resolved or counted by the server."""
    parameters = {
        "project": project_id,
        "fields": "task_only",
        "include": "id,data",
        "resolve_uri": "false",
        "page_size": _PAGE,
    }
    page, listed, total = 1, 0, 1
    while listed < total:
        answer = ask(client, "GET", "api/tasks/", params=parameters | {"page": page})
        yield from (task["data"] for task in answer["tasks"])
        if not answer["tasks"]:
            return
        page, listed, total = page + 1, listed + len(answer["tasks"]), answer["total"]
