"""The predictions of a Label Studio project: those it holds, and more for tasks that are there."""

from __future__ import annotations

import json
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from tempfile import TemporaryFile
from typing import IO, TYPE_CHECKING, Any

from utils.annotation.label_studio.connection import NO_RETRIES, json_items
from utils.annotation.label_studio.import_queue import ImportQueue, batches, import_batch
from utils.annotation.label_studio.options import LabelStudioOptions
from utils.annotation.preannotations import holds_known_labels
from utils.issues import IssueReport
from utils.progress import Advance

if TYPE_CHECKING:
    from label_studio_sdk import LabelStudio

    from utils.annotation.project import Project


_MOST_AT_ONCE = 20_000  # tasks; SQLite takes 250,000 values in one query


@dataclass(frozen=True, slots=True)
class SentPrediction:
    """A prediction in Label Studio, reduced to the parts that show whether it is up to date.

    Attributes:
        id: Number of the prediction.
        score: Priority of its task.
        regions: Ids of its regions, which differ when the boxes do.
    """

    id: int
    score: float | None
    regions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TaskPrediction:
    """A prediction for a task that is there.

    Attributes:
        tile_id: The tile's id.
        task: Number of the task.
        prediction: The prediction as Label Studio expects it.
        then: A second prediction for the task, which arrives with the first one or not at all.
    """

    tile_id: str
    task: int
    prediction: dict[str, Any]
    then: dict[str, Any] | None = None

    @property
    def body(self) -> bytes:
        """JSON for the import of predictions: one object, or two with a comma between them."""
        both = [self.prediction] if self.then is None else [self.prediction, self.then]
        return b",".join(
            json.dumps(one | {"task": self.task}, separators=(",", ":")).encode() for one in both
        )

    def equals(self, there: SentPrediction) -> bool:
        """Whether a prediction has the same boxes and the same priority."""
        regions = tuple(region["id"] for region in self.prediction["result"])
        return (there.score, there.regions) == (self.prediction["score"], regions)


def import_predictions(
    client: LabelStudio,
    project: Project,
    predictions: Iterable[TaskPrediction],
    have_arrived: Callable[[Sequence[TaskPrediction]], bool],
    options: LabelStudioOptions,
    report: IssueReport,
    advance: Advance = lambda _: None,
) -> int:
    """Give tasks that are there a prediction each, in few requests.

    Args:
        client: From `connect`.
        project: From `open_project`.
        predictions: Consumed as a stream.
        have_arrived: Tells whether a whole batch is on the server.
        options: Size of a request, and the time to wait.
        report: Receives predictions that the server refuses.
        advance: Called with the size of each batch.

    Returns:
        The number of predictions that arrived.

    Raises:
        ApiError, httpx.HTTPError: If the server fails for good.
    """
    path = f"api/projects/{project.id}/import/predictions"
    queue = ImportQueue(client, path, have_arrived, options.timeout_s)
    arrived = 0
    # With every request Label Studio counts the predictions of all tasks of the project again
    # (0.6 ms each), so few large requests are fastest.
    for batch in batches(predictions, options.batch_megabytes, _MOST_AT_ONCE):
        arrived += import_batch(queue, batch, report)
        advance(len(batch))
    return arrived


@dataclass(frozen=True, slots=True)
class DownloadedPredictions:
    """Every prediction of a project as JSON, with its boxes; can be read more than once.

    Attributes:
        answer: The answer of Label Studio, on disk; parsed one prediction at a time.
    """

    answer: IO[bytes]

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Yield the predictions."""
        self.answer.seek(0)
        yield from _predictions(self.answer)


@contextmanager
def downloaded_predictions(client: LabelStudio, project_id: int) -> Iterator[DownloadedPredictions]:
    """Download the predictions of a project for as long as the block lasts.

    Label Studio sends all of them in one answer; asking for them with their tasks takes it ten
    times as long.

    Args:
        client: From `connect`.
        project_id: Number of the project.

    Raises:
        ApiError, httpx.HTTPError: If the server fails. Wrap the call in `explained`.
    """
    with TemporaryFile() as answer:
        _download(client, project_id, answer)
        yield DownloadedPredictions(answer)


def predictions_of_model(
    predictions: Iterable[Mapping[str, Any]], model_version: str, tasks: Container[int]
) -> dict[int, SentPrediction]:
    """The newest prediction of one model version for some tasks, by task number; no known labels.

    Args:
        predictions: The predictions of a project.
        model_version: Name of the model version in Label Studio.
        tasks: Numbers of the tasks whose predictions are wanted.
    """
    newest: dict[int, SentPrediction] = {}
    for prediction in predictions:
        task = prediction["task"]
        if (
            prediction["model_version"] == model_version
            and task in tasks
            and not holds_known_labels(model_version, prediction["score"])
            and (task not in newest or newest[task].id < prediction["id"])
        ):
            newest[task] = _sent(prediction)
    return newest


def _sent(prediction: Mapping[str, Any]) -> SentPrediction:
    regions = tuple(region["id"] for region in prediction["result"])
    return SentPrediction(prediction["id"], prediction["score"], regions)


def _download(client: LabelStudio, project_id: int, into: IO[bytes]) -> None:
    from label_studio_sdk.core.api_error import ApiError

    http = client._client_wrapper.httpx_client
    with http.stream(
        "api/predictions/",
        method="GET",
        params={"project": project_id},
        request_options=NO_RETRIES,
    ) as answer:
        if not answer.is_success:
            answer.read()
            raise ApiError(status_code=answer.status_code, body=answer.text)
        for part in answer.iter_bytes():
            into.write(part)


def _predictions(answer: IO[bytes]) -> Iterable[dict[str, Any]]:
    from label_studio_sdk.core.api_error import ApiError

    try:
        yield from json_items(answer)
    except ValueError as error:
        raise ApiError(status_code=200, body=f"{error}") from None
