"""The predictions that a project holds already."""

from __future__ import annotations

from collections.abc import Container, Iterable
from dataclasses import dataclass
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Any, TextIO

from utils.annotation.join import json_items
from utils.annotation.label_studio.connection import NO_RETRIES

if TYPE_CHECKING:
    from label_studio_sdk import LabelStudio


@dataclass(frozen=True, slots=True)
class SentPrediction:
    """What is worth knowing of a prediction.

    Attributes:
        id: Its number.
        score: The priority of its task.
        regions: The ids of its regions, which tell other boxes from the same.
    """

    id: int
    score: float | None
    regions: tuple[str, ...]


def predictions_there(
    client: LabelStudio, project_id: int, model_version: str, tasks: Container[int]
) -> dict[int, SentPrediction]:
    """The predictions of one model version by the numbers of their tasks, as far as asked for.

    Label Studio tells those of a whole project in one answer, boxes and all: asked for with their
    tasks they take it ten times as long. It is kept on disk, and gone through one by one.

    Args:
        client: From `connect`.
        project_id: Number of the project.
        model_version: As Label Studio names it.
        tasks: Whose predictions are wanted.

    Raises:
        ApiError, httpx.HTTPError: If the server fails. Wrap calls in `explained`.
    """
    with TemporaryFile("w+", encoding="utf-8") as answer:
        _download(client, project_id, answer)
        return {
            prediction["task"]: _sent(prediction)
            for prediction in _predictions(answer)
            if prediction["model_version"] == model_version and prediction["task"] in tasks
        }


def _sent(prediction: dict[str, Any]) -> SentPrediction:
    regions = tuple(region["id"] for region in prediction["result"])
    return SentPrediction(prediction["id"], prediction["score"], regions)


def _download(client: LabelStudio, project_id: int, into: TextIO) -> None:
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
        for part in answer.iter_text():
            into.write(part)
    into.seek(0)


def _predictions(answer: TextIO) -> Iterable[dict[str, Any]]:
    from label_studio_sdk.core.api_error import ApiError

    try:
        for prediction, _ in json_items(answer):
            yield prediction
    except ValueError as error:
        raise ApiError(status_code=200, body=f"{error}") from None
