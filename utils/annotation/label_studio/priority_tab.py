"""A tab of the Data Manager in which tasks come in order of priority."""

from __future__ import annotations

from typing import TYPE_CHECKING

from utils.annotation.label_studio.connection import ask
from utils.annotation.label_studio.project import Project

if TYPE_CHECKING:
    from label_studio_sdk import LabelStudio

TAB = "By priority"


def provide_tab(client: LabelStudio, project: Project) -> None:
    """Make the tab where there is none of its name; one that people have changed stays so.

    The score of a prediction is the priority; tasks without a prediction come last.

    Raises:
        ApiError, httpx.HTTPError: If the server fails.
    """
    tabs = ask(client, "GET", "api/dm/views/", params={"project": project.id})
    if any(tab["data"].get("title") == TAB for tab in tabs):
        return
    ordering = ["-tasks:predictions_score"]
    tab = {"title": TAB, "type": "list", "target": "tasks", "ordering": ordering}
    ask(client, "POST", "api/dm/views/", json={"project": project.id, "data": tab})
