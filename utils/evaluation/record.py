"""The scores of an evaluation in the record of the training: in MLflow or W&B."""

from __future__ import annotations

import hashlib
import json
import logging

from utils.detection.detector import Detector
from utils.detection.mlflow_store import impatient, open_store, without_password
from utils.detection.options import TrackingOptions
from utils.detection.wandb_record import begun_run
from utils.evaluation.evaluation import Evaluation

EVALUATED_TAG = "spyglass.evaluated"

logger = logging.getLogger(__name__)


def record_evaluation(evaluation: Evaluation, detector: Detector, options: TrackingOptions) -> None:
    """Add the scores and the pictures of an evaluation to the record of the training.

    Scores of an earlier evaluation, on other tiles or with other options, are replaced.
    """
    if options.tracker == "wandb":
        _record_in_wandb(evaluation, detector, options)
    elif detector.mlflow_run_id is not None:
        _record_in_mlflow(evaluation, detector.mlflow_run_id, options)


def _record_in_wandb(evaluation: Evaluation, detector: Detector, options: TrackingOptions) -> None:
    if not detector.record:  # trained elsewhere, or without W&B
        return
    try:
        import wandb

        with begun_run(options, detector.run_fingerprint) as run:
            split = evaluation.split
            for name, value in evaluation.metrics.items():
                run.summary[f"{split}/{name}"] = value
            pictures = evaluation.pictures.items()
            run.log({f"{split}/{name}": wandb.Image(str(path)) for name, path in pictures})
    except Exception as error:  # wandb raises what it likes
        logger.warning("W&B has not taken the evaluation: %s", error)


def _record_in_mlflow(evaluation: Evaluation, mlflow_run_id: str, options: TrackingOptions) -> None:
    split = evaluation.split
    try:
        with impatient():
            client = open_store(options).client
            tag, digest = f"{EVALUATED_TAG}.{split}", _digest(evaluation)
            if client.get_run(mlflow_run_id).data.tags.get(tag) == digest:
                return
            for name, value in evaluation.metrics.items():
                client.log_metric(mlflow_run_id, f"{split}/{name}", value)
            card = json.dumps(evaluation.card(), indent=2)
            client.log_text(mlflow_run_id, card, f"{split}/evaluation.json")
            for picture in evaluation.pictures.values():
                client.log_artifact(mlflow_run_id, str(picture), split)
            client.set_tag(mlflow_run_id, tag, digest)
    except Exception as error:  # MLflow, its HTTP client and its database raise what they like
        logger.warning(
            "MLflow cannot be reached, the evaluation is not recorded there: %s",
            without_password(error),
        )


def _digest(evaluation: Evaluation) -> str:
    """Hash that distinguishes evaluations of the same detector."""
    content = json.dumps([evaluation.tiles_fingerprint, evaluation.metrics], sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()[:16]
