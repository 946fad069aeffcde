"""Known labels in the labelling queue: as predictions of the name that the project shows.

To whoever labels task after task, Label Studio shows the predictions of one name only, the model
version of the project. So the known labels of every waiting task have to be there under that name.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from utils.annotation.label_studio.connection import ask
from utils.annotation.label_studio.options import LabelStudioOptions
from utils.annotation.label_studio.predictions import (
    TaskPrediction,
    downloaded_predictions,
    import_predictions,
)
from utils.annotation.label_studio.tasks import known_labels_proposal
from utils.annotation.preannotations import holds_known_labels, is_name_of_proposals
from utils.annotation.review import GROUND_TRUTH
from utils.issues import IssueReport

if TYPE_CHECKING:
    from label_studio_sdk import LabelStudio

    from utils.annotation.project import Project


def shown_name(client: LabelStudio, project: Project) -> str:
    """The name under which the project shows proposals: a detector's, else `ground truth`.

    Raises:
        ApiError, httpx.HTTPError: If the server fails. Wrap the call in `explained`.
    """
    shown = ask(client, "GET", f"api/projects/{project.id}/")["model_version"]
    return str(shown) if is_name_of_proposals(shown) else GROUND_TRUTH


def show_proposals(client: LabelStudio, project: Project, name: str) -> None:
    """Let the project show the predictions of this name to whoever labels task after task.

    A name without a prediction is left alone, since Label Studio refuses it.

    Raises:
        ApiError, httpx.HTTPError: If the server fails. Wrap the call in `explained`.
    """
    path = f"api/projects/{project.id}"
    now = ask(client, "GET", f"{path}/")
    wanted = {"model_version": name, "show_collab_predictions": True}
    if wanted.items() <= now.items() or name not in ask(client, "GET", f"{path}/model-versions/"):
        return
    ask(client, "PATCH", f"{path}/", json=wanted)


def followed_by_known_labels(
    predictions: Iterable[TaskPrediction],
    name: str,
    there: Iterable[Mapping[str, Any]],
    waiting: Set[int],
) -> Iterator[TaskPrediction]:
    """Yield a detector's predictions, with the known labels of each waiting task after its boxes.

    Of several predictions of one name Label Studio copies the newest into an annotation. Both go in
    one request, so that nobody is ever offered a detector's boxes where known labels were before.

    Args:
        predictions: Predictions of one name, one for a task.
        name: That name.
        there: The predictions of the project, read as a stream.
        waiting: Numbers of the tasks that wait.
    """
    left = {one.task: one for one in predictions}
    for known in there:
        task = known["task"]
        if task in left and task in waiting and _is_of_known_labels(known):
            yield replace(left.pop(task), then=known_labels_proposal(known["result"], name))
    yield from left.values()


def put_known_labels_first(
    client: LabelStudio,
    project: Project,
    name: str,
    options: LabelStudioOptions,
    there: Iterable[Mapping[str, Any]],
    waiting: Set[int],
    sent: Set[int] = frozenset(),
) -> None:
    """Let every waiting task that has known labels be offered with them under a name.

    The known labels are sent once more where they lack the name, or where a detector's boxes came
    after them. To be called before the project shows the name: a run that is killed in between
    leaves nothing that people see, and the next one goes on.

    Args:
        client: From `connect`.
        project: From `open_project`.
        name: Name that the project is to show.
        options: Size of a request, and the time to wait.
        there: The predictions of the project; read several times.
        waiting: Numbers of the tasks that wait.
        sent: Numbers of tasks that have received a detector's boxes since, with their known labels.

    Raises:
        ApiError, httpx.HTTPError: If the server fails for good.
    """
    labelled = {one["task"] for one in there if _is_of_known_labels(one)}
    missing = (labelled & waiting) - sent
    if missing:
        missing -= _offered_with_known_labels(there, name)

    def copies() -> Iterator[TaskPrediction]:
        for prediction in there:
            if prediction["task"] in missing and _is_of_known_labels(prediction):
                missing.discard(prediction["task"])
                copy = known_labels_proposal(prediction["result"], name)
                yield TaskPrediction(f"task {prediction['task']}", prediction["task"], copy)

    if missing:
        import_known_labels(client, project, copies(), name, options, IssueReport())


def import_known_labels(
    client: LabelStudio,
    project: Project,
    proposals: Iterable[TaskPrediction],
    name: str,
    options: LabelStudioOptions,
    issues: IssueReport,
) -> int:
    """Import known labels as predictions of tasks that are there; returns how many arrived."""

    def have_arrived(batch: Sequence[TaskPrediction]) -> bool:
        with downloaded_predictions(client, project.id) as there:
            return {one.task for one in batch} <= _offered_with_known_labels(there, name)

    return import_predictions(client, project, proposals, have_arrived, options, issues)


def _offered_with_known_labels(there: Iterable[Mapping[str, Any]], name: str) -> set[int]:
    """Tasks whose newest prediction of a name holds known labels."""
    newest: dict[int, tuple[int, bool]] = {}
    for one in there:
        if one["model_version"] == name:
            number = one["id"], _is_of_known_labels(one)
            newest[one["task"]] = max(newest.get(one["task"], (0, False)), number)
    return {task for task, (_, is_known) in newest.items() if is_known}


def _is_of_known_labels(prediction: Mapping[str, Any]) -> bool:
    return holds_known_labels(prediction["model_version"], prediction["score"])
