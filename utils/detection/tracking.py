"""The record of a training in MLflow: each epoch as it ends, parameters, plots and weights.

The fingerprint of a training identifies its MLflow run: a training that is continued after a kill
goes on in the same run, with the same numbering of epochs, and a finished one is not recorded
again. A training that another machine has taken over is left to that machine. MLflow is never
required: while it is down the training goes on, and missed epochs are sent as soon as it is up
again, at the end at the latest. If it is still down then, a repeat of the finished training sends
them.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any, Self

from utils.detection.mlflow_store import (
    MLflowStore,
    impatient,
    link_of,
    open_store,
    patient,
    without_password,
)
from utils.detection.options import TrackingOptions
from utils.detection.training_run import EpochMetrics, TrainingRun
from utils.errors import BusyError

FINGERPRINT_TAG = "spyglass.fingerprint"
FINISHED_TAG = "spyglass.finished"

# Every epoch of every task has this metric, so its history lists the epochs that MLflow knows.
_TELLTALE = "lr/pg0"
_LONGEST_PARAMETER = 500
# Waiting for a server that does not answer must not hold up every epoch.
_SECONDS_BETWEEN_TRIES = 300.0

logger = logging.getLogger(__name__)


class TrainingRecord:
    """One training in MLflow, used as a context around it.

    Attributes:
        mlflow_run_id: Id of the run in MLflow, or None while MLflow could not be reached.
        link: Address of the run on an MLflow server; empty for the embedded MLflow.
    """

    def __init__(
        self, options: TrackingOptions, run: TrainingRun, parameters: Mapping[str, Any]
    ) -> None:
        """Prepare the record of `run`; nothing is sent yet."""
        self.mlflow_run_id: str | None = None
        self.link = ""
        self._options = options
        self._run = run
        self._parameters = parameters
        self._store: MLflowStore | None = None
        self._epochs_sent: set[int] = set()
        self._has_failed = False
        self._next_try = 0.0

    def __enter__(self) -> Self:
        """Find the run in MLflow, or create it."""
        self._try(lambda _: None)
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Send missing epochs and close the run."""
        self._next_try = 0.0
        if kind is None:
            # Uploads of files take time; a server that has just answered is worth waiting for.
            if self._try(self._send_epochs):
                self._try(self._finish, patience=patient)
        elif not issubclass(kind, BusyError):  # another machine goes on with the run
            status = "FAILED" if issubclass(kind, Exception) else "KILLED"
            self._try(lambda store: self._close(store, status))

    def add_epoch(self, epoch: EpochMetrics) -> None:
        """Send the metrics of an epoch, and of earlier epochs that MLflow has missed."""
        del epoch
        self._try(self._send_epochs)

    def _try(
        self,
        action: Callable[[MLflowStore], None],
        patience: Callable[[], AbstractContextManager[None]] = impatient,
    ) -> bool:
        """Try an action with MLflow; after a failure, none is tried for some minutes.

        Returns:
            Whether it succeeded.
        """
        if time.monotonic() < self._next_try:
            return False
        try:
            with patience():
                if self._store is None:
                    self._store = self._open()
                action(self._store)
        except Exception as error:  # MLflow, its HTTP client and its database raise what they like
            self._next_try = time.monotonic() + _SECONDS_BETWEEN_TRIES
            self._warn_once(error)
            return False
        return True

    def _warn_once(self, error: Exception) -> None:
        if not self._has_failed:
            self._has_failed = True
            logger.warning(
                "MLflow cannot be reached, the training goes on and sends what it misses later: %s",
                without_password(error),
            )

    def _open(self) -> MLflowStore:
        store = open_store(self._options)
        fingerprint = self._run.fingerprint
        run_id = store.find_run(FINGERPRINT_TAG, fingerprint)
        if run_id is None:
            name = f"train-{fingerprint[:8]}"
            tags = {FINGERPRINT_TAG: fingerprint}
            made = store.client.create_run(store.experiment_id, run_name=name, tags=tags)
            run_id = made.info.run_id
        elif FINISHED_TAG not in store.client.get_run(run_id).data.tags:
            store.client.update_run(run_id, status="RUNNING")
        self._send_parameters(store, run_id)
        self.mlflow_run_id = run_id
        self.link = link_of(store, run_id)
        return store

    def _send_parameters(self, store: MLflowStore, run_id: str) -> None:
        from mlflow.entities import Param

        known = store.client.get_run(run_id).data.params  # MLflow does not let them change
        missing = [
            Param(name, str(value)[:_LONGEST_PARAMETER])
            for name, value in self._parameters.items()
            if name not in known
        ]
        store.client.log_batch(run_id, params=missing)

    def _send(self, store: MLflowStore, epoch: EpochMetrics) -> None:
        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        metrics = [
            Metric(name, value, now, epoch.epoch)
            for name, value in epoch.values.items()
            if math.isfinite(value)
        ]
        store.client.log_batch(self.mlflow_run_id, metrics=metrics)
        self._epochs_sent.add(epoch.epoch)

    def _send_epochs(self, store: MLflowStore) -> None:
        epochs = [epoch for epoch in self._run.epochs() if epoch.epoch not in self._epochs_sent]
        if epochs:
            # Another machine may have sent some before this one took the training over.
            history = store.client.get_metric_history(self.mlflow_run_id, _TELLTALE)
            self._epochs_sent.update(metric.step for metric in history)
        for epoch in epochs:
            if epoch.epoch not in self._epochs_sent:
                self._send(store, epoch)

    def _finish(self, store: MLflowStore) -> None:
        run = store.client.get_run(self.mlflow_run_id)
        if FINISHED_TAG not in run.data.tags:
            for plot in self._run.plots():
                store.client.log_artifact(self.mlflow_run_id, str(plot), "plots")
            store.client.log_artifacts(self.mlflow_run_id, str(self._run.weights), "weights")
            store.client.set_tag(self.mlflow_run_id, FINISHED_TAG, "true")
        self._close(store, "FINISHED")

    def _close(self, store: MLflowStore, status: str) -> None:
        store.client.set_terminated(self.mlflow_run_id, status)
