"""The predictions that a Label Studio project holds already."""

from __future__ import annotations

from collections.abc import Container, Iterable
from dataclasses import dataclass
from tempfile import TemporaryFile
from typing import IO, TYPE_CHECKING, Any

from utils.annotation.label_studio.connection import NO_RETRIES, json_items

if TYPE_CHECKING:
    from label_studio_sdk import LabelStudio


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


def predictions_there(
    client: LabelStudio, project_id: int, model_version: str, tasks: Container[int]
) -> dict[int, SentPrediction]:
    """The predictions of one model version for some tasks, by task number.

    Label Studio sends the predictions of the whole project in one answer, with all boxes; asking
    for them with their tasks takes it ten times as long. The answer goes to disk and is parsed one
    prediction at a time.

    Args:
        client: From `connect`.
        project_id: Number of the project.
        model_version: Name of the model version in Label Studio.
        tasks: Numbers of the tasks whose predictions are wanted.

    Raises:
        ApiError, httpx.HTTPError: If the server fails. Wrap calls in `explained`.
    """
    with TemporaryFile() as answer:
        _download(client, project_id, answer)
        return {
            prediction["task"]: _sent(prediction)
            for prediction in _predictions(answer)
            if prediction["model_version"] == model_version and prediction["task"] in tasks
        }


def _sent(prediction: dict[str, Any]) -> SentPrediction:
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
    into.seek(0)


def _predictions(answer: IO[bytes]) -> Iterable[dict[str, Any]]:
    from label_studio_sdk.core.api_error import ApiError

    try:
        yield from json_items(answer)
    except ValueError as error:
        raise ApiError(status_code=200, body=f"{error}") from None
