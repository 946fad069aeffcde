"""The tiles that people would not label."""

from __future__ import annotations

from typing import TYPE_CHECKING

from utils.annotation.label_studio.connection import explained, url_of
from utils.annotation.label_studio.listing import listed_tasks
from utils.annotation.label_studio.project import number_of

if TYPE_CHECKING:
    from label_studio_sdk import LabelStudio

_SKIPPED = {
    "filter": "filter:tasks:cancelled_annotations",
    "operator": "greater",
    "type": "Number",
    "value": 0,
}


def skipped_tiles(client: LabelStudio, project: int | str) -> set[str]:
    """The ids of the tiles that somebody has skipped, as long as the skip is not taken back.

    Args:
        client: From `connect`.
        project: Its name or number; nothing is skipped in one that is yet to be made.

    Raises:
        LabelStudioError: If the server fails.
    """
    with explained(url_of(client), "Looking for skipped tiles"):
        number = number_of(client, project)
        if number is None:
            return set()
        tasks = listed_tasks(client, number, only=_SKIPPED)
        return {task["data"]["tile_id"] for task in tasks if "tile_id" in task["data"]}
