"""The tasks of a project, page by page."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from utils.annotation.label_studio.connection import ask

if TYPE_CHECKING:
    from label_studio_sdk import LabelStudio

_NUMBERS_AND_DATA = {"fields": "task_only", "include": "id,data"}


def count_tasks(client: LabelStudio, project_id: int) -> int:
    """The number of tasks in a project.

    Raises:
        ApiError, httpx.HTTPError: If the server fails. Wrap the call in `explained`.
    """
    parameters = {"project": project_id, "page_size": 1} | _NUMBERS_AND_DATA
    return int(ask(client, "GET", "api/tasks/", params=parameters)["total"])


def listed_tasks(
    client: LabelStudio,
    project_id: int,
    *,
    page_size: int = 1000,
    only: Mapping[str, Any] | None = None,
    everything: bool = False,
) -> Iterator[dict[str, Any]]:
    """Yield tasks as Label Studio tells them, with its own addresses of images.

    Args:
        client: From `connect`.
        project_id: Number of the project.
        page_size: Tasks in one answer.
        only: A filter of the Data Manager: filter, operator, type and value.
        everything: Whether to tell annotations and predictions, too, rather than number and data
            alone, which the server finds much faster.

    Raises:
        ApiError, httpx.HTTPError: If the server fails. Wrap the loop in `explained`.
    """
    parameters: dict[str, Any] = {
        "project": project_id,
        "resolve_uri": "false",
        "page_size": page_size,
    } | ({"fields": "all"} if everything else _NUMBERS_AND_DATA)
    if only:
        filters = {"conjunction": "and", "items": [only]}
        parameters["query"] = json.dumps({"filters": filters})
    page, listed, total = 1, 0, 1
    while listed < total:
        answer = ask(client, "GET", "api/tasks/", params=parameters | {"page": page})
        yield from answer["tasks"]
        if not answer["tasks"]:
            return
        page, listed, total = page + 1, listed + len(answer["tasks"]), answer["total"]
