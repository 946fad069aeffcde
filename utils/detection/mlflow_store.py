"""Access to MLflow: its store, and the experiment that trainings are recorded in."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from utils.detection.options import TrackingOptions
from utils.paths import local_folder

_CREDENTIALS = re.compile(r"//[^/@\s]+@")

# By default the client retries for minutes, which would hold up every epoch of a training.
_IMPATIENT = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1", "MLFLOW_HTTP_REQUEST_TIMEOUT": "15"}
# MLflow prints the address of each run, with the password if the address has one.
_DISCREET = {"MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true"}


@dataclass(frozen=True, slots=True)
class MLflowStore:
    """An MLflow experiment.

    Attributes:
        client: An `mlflow.MlflowClient`.
        experiment_id: Id of the experiment.
    """

    client: Any
    experiment_id: str

    def find_run(self, tag: str, value: str) -> str | None:
        """The id of the oldest run with a tag, or None."""
        runs = self.client.search_runs(
            [self.experiment_id],
            f"tags.`{tag}` = '{value}'",
            max_results=1,
            order_by=["start_time"],
        )
        return runs[0].info.run_id if runs else None


def open_store(options: TrackingOptions) -> MLflowStore:
    """Connect to MLflow as the options or its own variables say, else to the embedded one.

    The experiment bears the name of the model, so that several models share one MLflow.

    Raises:
        mlflow.MlflowException: If it cannot be reached.
    """
    import mlflow

    client = mlflow.MlflowClient(options.tracking_uri or _default_uri())
    return MLflowStore(client, ensure_experiment(client, options.experiment))


def link_of(store: MLflowStore, run_id: str) -> str:
    """The address of a run in the pages of an MLflow server; empty where there is no server."""
    uri = _CREDENTIALS.sub("//", str(store.client.tracking_uri)).rstrip("/")
    if not uri.startswith(("http://", "https://")):
        return ""
    return f"{uri}/#/experiments/{store.experiment_id}/runs/{run_id}"


def ensure_experiment(client: Any, name: str) -> str:
    """The id of the experiment `name`, which is created if there is none.

    A store that is a local database keeps the files of its runs beside it: MLflow would put them
    into `mlruns` below whatever folder the process runs in.
    """
    experiment = client.get_experiment_by_name(name)
    if experiment is not None:
        return str(experiment.experiment_id)
    uri: str = client.tracking_uri
    location = None
    if uri.startswith("sqlite:///"):
        location = (Path(uri.removeprefix("sqlite:///")).parent / "artifacts" / name).as_uri()
    return str(client.create_experiment(name, artifact_location=location))


def impatient() -> AbstractContextManager[None]:
    """Within a block, give up after seconds on an MLflow server that does not answer."""
    return _environment(_DISCREET | _IMPATIENT)


def patient() -> AbstractContextManager[None]:
    """Within a block, wait for an MLflow server as long as MLflow does by default."""
    return _environment(_DISCREET)


@contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Within a block, set variables that the user has not set."""
    ours = {name: value for name, value in variables.items() if name not in os.environ}
    os.environ.update(ours)
    try:
        yield
    finally:
        for name in ours:
            os.environ.pop(name, None)


def without_password(error: Exception) -> str:
    """The message of an error without the credentials that an address in it may have."""
    return _CREDENTIALS.sub("//", str(error))


def _default_uri() -> str:
    import mlflow

    if mlflow.is_tracking_uri_set():
        return str(mlflow.get_tracking_uri())
    return f"sqlite:///{local_folder('mlflow') / 'mlflow.db'}"
