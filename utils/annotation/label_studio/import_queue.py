"""The import queue: batches sent to Label Studio so that each item arrives once.

Label Studio's import is atomic but not idempotent: a batch arrives whole or not at all, and a batch
that is sent twice is there twice. A client without an answer has to ask whether its batch arrived.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from utils.annotation.label_studio.connection import ask, refusal
from utils.annotation.label_studio.data_manager import uids_by_tile
from utils.annotation.label_studio.late_imports import under_way
from utils.annotation.label_studio.options import LabelStudioOptions
from utils.annotation.label_studio.tasks import TileTask
from utils.issues import IssueReport
from utils.prefetch import prefetch
from utils.progress import Advance

if TYPE_CHECKING:
    from label_studio_sdk import LabelStudio

_ATTEMPTS = 3
_POLL_SECONDS = 2.0
_SETTLING_SECONDS = 5.0
_MEGABYTE = 1_000_000
_REFUSED = (400, 413, 422)
# A proxy in front of Label Studio answers so while the server behind it may still be working.
_STILL_WORKING = (408, 504)
_UNREACHED = (502, 503)


class Outcome(Enum):
    """Outcomes of a failed import, by what they may have left on the server."""

    REFUSED = "nothing: a retry would be refused again"
    FAILED = "nothing, most likely: the server failed while or after storing it"
    LOST = "all or nothing: the connection broke, perhaps just before the end"
    OPEN = "all or nothing: the server may still be working on it, so no retry is allowed"


class Queued(Protocol):
    """An item of an import."""

    @property
    def tile_id(self) -> str:
        """The id of the tile that it belongs to."""

    @property
    def body(self) -> bytes:
        """The item as JSON for the import, UTF-8."""


Item = TypeVar("Item", bound=Queued)


@dataclass(frozen=True, slots=True)
class ImportQueue(Generic[Item]):
    """A bulk import of Label Studio.

    Attributes:
        client: From `connect`.
        path: Path of the import below the server's address.
        have_arrived: Tells whether the whole batch is on the server.
        timeout_s: Seconds to wait for an answer.
    """

    client: LabelStudio
    path: str
    have_arrived: Callable[[Sequence[Item]], bool]
    timeout_s: float


def batches(
    items: Iterable[Item], megabytes: float, most: int | None = None
) -> Iterator[list[Item]]:
    """Yield batches within the limits on bytes and number; a larger item goes alone.

    Args:
        items: The items, consumed as a stream.
        megabytes: Largest sum of the bodies of a batch.
        most: Largest number of items in a batch; unlimited by default.
    """
    batch: list[Item] = []
    size = 0
    for item in items:
        added = len(item.body)
        if batch and (len(batch) == most or size + added > megabytes * _MEGABYTE):
            yield batch
            batch, size = [], 0
        batch.append(item)
        size += added
    if batch:
        yield batch


def import_tasks(
    client: LabelStudio,
    project_id: int,
    tasks: Iterable[TileTask],
    options: LabelStudioOptions,
    issues: IssueReport,
    advance: Advance,
) -> int:
    """Import tasks in batches; a task that the server refuses is set aside, and the others arrive.

    Args:
        client: From `connect`.
        project_id: Number of the project.
        tasks: The tasks, consumed as a stream.
        options: Batch sizes and the time to wait.
        issues: Receives the tasks that the server refuses.
        advance: Called with the size of each batch.

    Returns:
        The number of tasks that arrived.

    Raises:
        ApiError, httpx.HTTPError: If the server fails for good.
    """

    def have_arrived(batch: Sequence[TileTask]) -> bool:
        there = uids_by_tile(client, project_id, IssueReport())
        return all(task.tile_id in there for task in batch)

    path = f"api/projects/{project_id}/import"
    queue = ImportQueue(client, path, have_arrived, options.timeout_s)
    arrived = 0
    made = batches(tasks, options.batch_megabytes, options.batch_tasks)
    # The next batch is made while Label Studio stores this one.
    with closing(prefetch(made, most=1)) as ahead:
        for batch in ahead:
            with under_way(client, project_id, batch):
                arrived += import_batch(queue, batch, issues)
            advance(len(batch))
    return arrived


def import_batch(queue: ImportQueue[Item], batch: Sequence[Item], issues: IssueReport) -> int:
    """Import a batch, once; an item that the server refuses is set aside.

    Returns:
        The number of items that arrived.

    Raises:
        ApiError, httpx.HTTPError: If the server fails for good.
    """
    from label_studio_sdk.core.api_error import ApiError

    try:
        _import_once(queue, batch)
    except ApiError as error:
        if error.status_code not in _REFUSED:
            raise
        if len(batch) == 1:
            issues.add(batch[0].tile_id, "refused by Label Studio", refusal(error.body))
            return 0
        # The server does not say which item it refuses; halving the batch finds it.
        half = len(batch) // 2
        return sum(import_batch(queue, part, issues) for part in (batch[:half], batch[half:]))
    return len(batch)


def _import_once(queue: ImportQueue[Item], batch: Sequence[Item]) -> None:
    """Send a batch; before each retry, check whether it has arrived already."""
    import httpx
    from label_studio_sdk.core.api_error import ApiError

    content = b"[" + b",".join(item.body for item in batch) + b"]"
    timeout_s = queue.timeout_s
    patience_s = {Outcome.FAILED: 0.0, Outcome.LOST: _SETTLING_SECONDS, Outcome.OPEN: timeout_s}
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            _post(queue, content)
            return
        except (ApiError, httpx.TransportError) as error:
            outcome = _outcome(error)
            if outcome is Outcome.REFUSED:
                raise
            if _arrives(queue, batch, patience_s[outcome]):
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


def _post(queue: ImportQueue[Item], content: bytes) -> None:
    ask(
        queue.client,
        "POST",
        queue.path,
        content=content,
        headers={"Content-Type": "application/json"},
        timeout_s=queue.timeout_s,
    )


def _arrives(queue: ImportQueue[Item], batch: Sequence[Item], patience_s: float) -> bool:
    """Whether a batch is on the server, or arrives within `patience_s` seconds."""
    deadline = time.monotonic() + patience_s
    while not queue.have_arrived(batch):
        if time.monotonic() >= deadline:
            return False
        time.sleep(_POLL_SECONDS)
    return True
