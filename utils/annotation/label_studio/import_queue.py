"""Importing tasks so that each arrives once, whatever happens to the request.

Label Studio's import is atomic but not idempotent: a batch arrives whole or not at all, and sent
twice it is there twice. A client that gets no answer cannot know which; it has to look.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from utils.annotation.label_studio.connection import ask, refusal
from utils.annotation.label_studio.late_imports import under_way
from utils.annotation.label_studio.listing import listed_tasks
from utils.annotation.label_studio.tasks import TileTask
from utils.issues import IssueReport

if TYPE_CHECKING:
    from label_studio_sdk import LabelStudio

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


class Letter(Protocol):
    """Something to be imported: what it is about, and its JSON."""

    @property
    def tile_id(self) -> str:
        """Of the tile it is about."""

    @property
    def body(self) -> bytes:
        """JSON as the import wants it, UTF-8."""


Item = TypeVar("Item", bound=Letter)


@dataclass(frozen=True, slots=True)
class Mailbox(Generic[Item]):
    """An import of Label Studio that takes a list.

    Attributes:
        client: From `connect`.
        path: Of the import, below the server's address.
        are_there: Whether all of a batch has arrived.
        timeout_s: Seconds to wait for an answer.
    """

    client: LabelStudio
    path: str
    are_there: Callable[[Sequence[Item]], bool]
    timeout_s: float


def tasks_there(client: LabelStudio, project_id: int, issues: IssueReport) -> dict[str, str]:
    """The uid of every task in a project by its tile id; tasks of other origin are left out."""
    there: dict[str, str] = {}
    for task in listed_tasks(client, project_id):
        data = task["data"]
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


def task_numbers(client: LabelStudio, project_id: int) -> dict[str, int]:
    """The number of the task of each tile in a project."""
    tasks = listed_tasks(client, project_id)
    return {task["data"]["tile_id"]: task["id"] for task in tasks if "tile_id" in task["data"]}


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

    def are_there(tasks: Sequence[TileTask]) -> bool:
        there = tasks_there(client, project_id, IssueReport())
        return all(task.tile_id in there for task in tasks)

    path = f"api/projects/{project_id}/import"
    with under_way(client, project_id, batch):
        return deliver(Mailbox(client, path, are_there, timeout_s), batch, issues)


def deliver(mailbox: Mailbox[Item], batch: Sequence[Item], issues: IssueReport) -> int:
    """Import a batch, once; an item that the server refuses is set aside.

    Returns:
        The number of items that arrived.

    Raises:
        ApiError, httpx.HTTPError: If the server fails for good.
    """
    from label_studio_sdk.core.api_error import ApiError

    try:
        _deliver_once(mailbox, batch)
    except ApiError as error:
        if error.status_code not in _REFUSED:
            raise
        if len(batch) == 1:
            issues.add(batch[0].tile_id, "refused by Label Studio", refusal(error.body))
            return 0
        half = len(batch) // 2
        return sum(deliver(mailbox, part, issues) for part in (batch[:half], batch[half:]))
    return len(batch)


def _deliver_once(mailbox: Mailbox[Item], batch: Sequence[Item]) -> None:
    """Send a batch, looking whether it has arrived before it is ever sent again."""
    import httpx
    from label_studio_sdk.core.api_error import ApiError

    content = b"[" + b",".join(item.body for item in batch) + b"]"
    timeout_s = mailbox.timeout_s
    patience_s = {Outcome.FAILED: 0.0, Outcome.LOST: _SETTLING_SECONDS, Outcome.OPEN: timeout_s}
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            _post(mailbox, content)
            return
        except (ApiError, httpx.TransportError) as error:
            outcome = _outcome(error)
            if outcome is Outcome.REFUSED:
                raise
            if _arrives(mailbox, batch, patience_s[outcome]):
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


def _post(mailbox: Mailbox[Item], content: bytes) -> None:
    ask(
        mailbox.client,
        "POST",
        mailbox.path,
        content=content,
        headers={"Content-Type": "application/json"},
        timeout_s=mailbox.timeout_s,
    )


def _arrives(mailbox: Mailbox[Item], batch: Sequence[Item], patience_s: float) -> bool:
    """Whether a batch is there, or comes to be there while the server still works on it."""
    deadline = time.monotonic() + patience_s
    while not mailbox.are_there(batch):
        if time.monotonic() >= deadline:
            return False
        time.sleep(_LOOK_EVERY_SECONDS)
    return True
