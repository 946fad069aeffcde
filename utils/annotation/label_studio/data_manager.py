"""The Data Manager of Label Studio: a project's tasks in pages, its filters, and its tabs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from utils.annotation.label_studio.connection import ask, explained, url_of
from utils.annotation.label_studio.project import number_of
from utils.issues import IssueReport

if TYPE_CHECKING:
    from label_studio_sdk import LabelStudio


MOMENT = "%Y-%m-%dT%H:%M:%S.%fZ"  # the only format that filters by time understand
_NUMBERS_AND_DATA = {
    "fields": "task_only",
    "include": "id,data,total_annotations,cancelled_annotations",
}


def condition(column: str, operator: str, value: Any, kind: str = "Number") -> dict[str, Any]:
    """A filter of the Data Manager.

    Args:
        column: Name of the column, such as `total_annotations`.
        operator: Such as `equal` or `contains`.
        value: The value to compare with, or `min` and `max`.
        kind: Type of the column: Number, String, Boolean, or Datetime.
    """
    return {
        "filter": f"filter:tasks:{column}",
        "operator": operator,
        "type": kind,
        "value": value,
    }


def all_of(conditions: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Filters that all have to hold."""
    return {"conjunction": "and", "items": list(conditions)}


def any_of(conditions: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Filters of which one has to hold."""
    return {"conjunction": "or", "items": list(conditions)}


SKIPPED = condition("cancelled_annotations", "greater", 0)
WAITING = (
    condition("total_annotations", "equal", 0),
    condition("cancelled_annotations", "equal", 0),
)


@dataclass(frozen=True, slots=True)
class TileRow:
    """The task of a tile, reduced to what a second sending needs to know.

    Attributes:
        number: Number of the task.
        tile_id: The tile's id.
        uid: Fingerprint of the tile as it was sent; empty for tasks of the earliest versions.
        is_waiting: Whether nobody has submitted or skipped it.
    """

    number: int
    tile_id: str
    uid: str
    is_waiting: bool


def count_tasks(
    client: LabelStudio, project_id: int, only: Sequence[Mapping[str, Any]] = ()
) -> int:
    """The number of tasks in a project, or of those for which the filters hold.

    Raises:
        ApiError, httpx.HTTPError: If the server fails. Wrap the call in `explained`.
    """
    parameters: dict[str, Any] = {"project": project_id, "page_size": 1} | _NUMBERS_AND_DATA
    if only:
        parameters["query"] = json.dumps({"filters": all_of(only)})
    return int(ask(client, "GET", "api/tasks/", params=parameters)["total"])


def listed_tasks(
    client: LabelStudio,
    project_id: int,
    *,
    page_size: int = 1000,
    only: Sequence[Mapping[str, Any]] = (),
    everything: bool = False,
) -> Iterator[dict[str, Any]]:
    """Yield a project's tasks, with the image addresses as they were sent.

    Args:
        client: From `connect`.
        project_id: Number of the project.
        page_size: Tasks in one answer.
        only: Filters of the Data Manager, all of which hold: filter, operator, type and value.
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
        parameters["query"] = json.dumps({"filters": all_of(only)})
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
    for task in tile_tasks(client, project_id):
        if task.tile_id in uids:
            issues.add(
                task.tile_id,
                "several tasks for one tile",
                "the project holds the tile more than once; delete all but one in Label Studio",
                set_aside=False,
            )
        uids[task.tile_id] = task.uid
    return uids


def tile_tasks(client: LabelStudio, project_id: int) -> list[TileRow]:
    """The tasks of tiles in a project; tasks of other origin are left out.

    Raises:
        ApiError, httpx.HTTPError: If the server fails. Wrap the call in `explained`.
    """
    return [
        TileRow(
            number=task["id"],
            tile_id=task["data"]["tile_id"],
            uid=str(task["data"].get("uid", "")),
            is_waiting=not (task["total_annotations"] or task["cancelled_annotations"]),
        )
        for task in listed_tasks(client, project_id)
        if task["data"].get("tile_id") is not None
    ]


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
        tasks = listed_tasks(client, number, only=[SKIPPED])
        return {task["data"]["tile_id"] for task in tasks if "tile_id" in task["data"]}
