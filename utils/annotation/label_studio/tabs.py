"""The tabs of a project in the Data Manager: what waits, and what became of the rest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from utils.annotation.label_studio.connection import ask
from utils.annotation.label_studio.data_manager import SKIPPED, WAITING, all_of, any_of, condition
from utils.annotation.label_studio.interface import IMAGE_KEY

if TYPE_CHECKING:
    from label_studio_sdk import LabelStudio

    from utils.annotation.project import Project

_RESULTS = "annotations_results"
_DRAWN = '"origin": "manual"'
_MOVED = '"origin": "prediction-changed"'
_NEWEST_FIRST = "-tasks:completed_at"

_IMAGE = f"tasks:data.{IMAGE_KEY}"
_SCENE = "tasks:data.scene_id"
# The priority of a task is the score of its prediction; tasks without a score come last.
_SCORE = "tasks:predictions_score"
_QUEUE_COLUMNS = {_IMAGE, _SCENE, _SCORE, "tasks:predictions_model_versions"}
_DONE_COLUMNS = {_IMAGE, _SCENE, "tasks:completed_at", "tasks:annotators"}


@dataclass(frozen=True, slots=True)
class _Tab:
    """A tab of the Data Manager.

    Attributes:
        filters: The tasks that it shows. Even an empty group of filters matters: without one, Label
            Studio puts the tab before all others.
        ordering: Column to sort by, with a minus for the largest first.
        columns: The columns that are not hidden.
        is_grid: Whether it opens as large pictures rather than as a list.
    """

    filters: Mapping[str, Any]
    ordering: str
    columns: Set[str] = frozenset(_DONE_COLUMNS)
    is_grid: bool = False


# Label Studio notes in each box whether it was drawn, or moved after it was proposed. It keeps no
# trace of a deleted one, so only the export tells that a box is missing.
_TABS = {
    "Waiting": _Tab(all_of(WAITING), f"-{_SCORE}", _QUEUE_COLUMNS, is_grid=True),
    "Accepted": _Tab(
        all_of(
            [
                condition("total_annotations", "greater", 0),
                condition(_RESULTS, "not_contains", _DRAWN, "String"),
                condition(_RESULTS, "not_contains", _MOVED, "String"),
                condition(_RESULTS, "not_equal", "[]", "String"),
            ]
        ),
        _NEWEST_FIRST,
    ),
    "Changed": _Tab(
        any_of(
            [
                condition(_RESULTS, "contains", _DRAWN, "String"),
                condition(_RESULTS, "contains", _MOVED, "String"),
            ]
        ),
        _NEWEST_FIRST,
    ),
    "Empty": _Tab(
        all_of(
            [
                condition("total_annotations", "greater", 0),
                condition(_RESULTS, "equal", "[]", "String"),
            ]
        ),
        _NEWEST_FIRST,
    ),
    "Skipped": _Tab(all_of([SKIPPED]), "-tasks:updated_at"),
    "By priority": _Tab(all_of([]), f"-{_SCORE}", _QUEUE_COLUMNS, is_grid=True),
}


def _survey_tab(survey: str) -> dict[str, _Tab]:
    """The waiting tiles of a survey, in the order of the draws, from which the priority falls."""
    of_survey = condition("data.survey", "equal", survey, "String")
    columns = frozenset({*_QUEUE_COLUMNS, "tasks:data.draw"})
    tab = _Tab(all_of([*WAITING, of_survey]), f"-{_SCORE}", columns, is_grid=True)
    return {survey.capitalize(): tab}


def provide_tabs(client: LabelStudio, project: Project, survey: str | None = None) -> None:
    """Create the tabs that are missing; a tab of the same name stays as it is.

    Only the tab that earlier versions made is brought up to date, where nobody has changed it.

    Args:
        client: From `connect`.
        project: From `open_project`.
        survey: Name of the survey whose tiles were sent, which have a tab of their own.

    Raises:
        ApiError, httpx.HTTPError: If the server fails. Wrap the call in `explained`.
    """
    wanted = _TABS | _survey_tab(survey) if survey else _TABS
    of_project = {"project": project.id}
    tabs = ask(client, "GET", "api/dm/views/", params=of_project)
    outdated = {tab["data"]["title"]: tab["id"] for tab in tabs if _is_outdated(tab["data"])}
    there = {tab["data"].get("title") for tab in tabs} - outdated.keys()
    missing = {title: tab for title, tab in wanted.items() if title not in there}
    if not missing:
        return
    columns = ask(client, "GET", "api/dm/columns/", params=of_project)["columns"]
    for title, tab in missing.items():
        body = {"project": project.id, "data": {"title": title} | _view(tab, columns)}
        if title in outdated:
            ask(client, "PATCH", f"api/dm/views/{outdated[title]}/", json=body)
        else:
            ask(client, "POST", "api/dm/views/", json=body)


def _is_outdated(view: Mapping[str, Any]) -> bool:
    """Whether a tab is the one that earlier versions made, where no picture was in sight."""
    return view == {
        "title": "By priority",
        "type": "list",
        "target": "tasks",
        "ordering": [f"-{_SCORE}"],
    }


def _view(tab: _Tab, columns: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """A tab as Label Studio keeps it."""
    names = (
        f"tasks:data.{column['id']}" if column.get("parent") == "data" else f"tasks:{column['id']}"
        for column in columns
    )
    # All the others push the picture off the first screen.
    hidden = [name for name in names if name not in tab.columns]
    return {
        "target": "tasks",
        "type": "grid" if tab.is_grid else "list",
        "gridWidth": 5,
        "filters": tab.filters,
        "ordering": [tab.ordering],
        "hiddenColumns": {"explore": hidden, "labeling": hidden},
        "columnsWidth": {_IMAGE: 200, _SCENE: 260},
    }
