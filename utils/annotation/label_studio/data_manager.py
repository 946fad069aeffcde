"""The Data Manager of Label Studio: a project's tasks in pages, its filters, and its tabs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from utils.annotation.label_studio.connection import ask, explained, url_of
from utils.annotation.label_studio.project import number_of
from utils.issues import IssueReport

if TYPE_CHECKING:
    from label_studio_sdk import LabelStudio

    from utils.annotation.project import Project

PRIORITY_TAB = "By priority"
_NUMBERS_AND_DATA = {"fields": "task_only", "include": "id,data"}
_SKIPPED = {
    "filter": "filter:tasks:cancelled_annotations",
    "operator": "greater",
    "type": "Number",
    "value": 0,
}


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
    """Yield a project's tasks, with the image addresses as they were sent.

    Args:
        client: From `connect`.
        project_id: Number of the project.
        page_size: Tasks in one answer.
        only: A filter of the Data Manager: filter, operator, type and value.
        everything: Whether to include annotations and predictions. Without them, number and data
            alone, the server answers much faster.

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
        # People may delete tasks meanwhile, so that fewer come than the first page announced.
        if not answer["tasks"]:
            return
        page, listed, total = page + 1, listed + len(answer["tasks"]), answer["total"]


def uids_by_tile(client: LabelStudio, project_id: int, issues: IssueReport) -> dict[str, str]:
    """The uid of every task in a project by its tile id; tasks of other origin are left out."""
    uids: dict[str, str] = {}
    for task in listed_tasks(client, project_id):
        data = task["data"]
        tile_id = data.get("tile_id")
        if tile_id in uids:
            issues.add(
                tile_id,
                "several tasks for one tile",
                "the project holds the tile more than once; delete all but one in Label Studio",
                set_aside=False,
            )
        if tile_id is not None:
            uids[tile_id] = str(data.get("uid", ""))
    return uids


def task_numbers(client: LabelStudio, project_id: int) -> dict[str, int]:
    """The number of the task of each tile in a project, by tile id."""
    tasks = listed_tasks(client, project_id)
    return {task["data"]["tile_id"]: task["id"] for task in tasks if "tile_id" in task["data"]}


def skipped_tiles(client: LabelStudio, project: int | str) -> set[str]:
    """The ids of the tiles that people have skipped, as long as the skip is not taken back.

    Args:
        client: From `connect`.
        project: Name or number of the project; one that does not exist yet has no skipped tiles.

    Raises:
        LabelStudioError: If the server fails.
    """
    with explained(url_of(client), "Looking for skipped tiles"):
        number = number_of(client, project)
        if number is None:
            return set()
        tasks = listed_tasks(client, number, only=_SKIPPED)
        return {task["data"]["tile_id"] for task in tasks if "tile_id" in task["data"]}


def provide_priority_tab(client: LabelStudio, project: Project) -> None:
    """Create the tab that sorts tasks by priority; an existing tab of its name stays as it is.

    The priority of a task is the score of its prediction; tasks without a prediction come last.

    Raises:
        ApiError, httpx.HTTPError: If the server fails. Wrap the call in `explained`.
    """
    tabs = ask(client, "GET", "api/dm/views/", params={"project": project.id})
    if any(tab["data"].get("title") == PRIORITY_TAB for tab in tabs):
        return
    ordering = ["-tasks:predictions_score"]
    tab = {"title": PRIORITY_TAB, "type": "list", "target": "tasks", "ordering": ordering}
    ask(client, "POST", "api/dm/views/", json={"project": project.id, "data": tab})
