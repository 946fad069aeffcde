"""Train a detector, so that it can be killed anywhere and resumed."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from subprocess import CalledProcessError
from typing import Any

from utils.dataset.sampling import sampled
from utils.dataset.yolo import YoloDataset
from utils.detection.augmentations import names_of
from utils.detection.backup import RunBackup
from utils.detection.detector import Detector
from utils.detection.options import TrackingOptions
from utils.detection.tracking import TrainingRecord
from utils.detection.ultralytics.arguments import checked_arguments
from utils.detection.ultralytics.callbacks import EpochReport, OnEpoch, wait_for_plots, watching
from utils.detection.ultralytics.checkpoint import (
    load_model,
    load_weights,
    require_image_size,
    resolve_checkpoint,
    tell_transfer,
)
from utils.detection.ultralytics.known_classes import require_labelled, with_known_classes
from utils.detection.ultralytics.library import quiet
from utils.detection.ultralytics.options import TrainingOptions
from utils.detection.ultralytics.runs import UltralyticsRun, open_run, without_circumstances
from utils.detection.ultralytics.trust import trusting
from utils.detection.ultralytics.verification import require_all_readable
from utils.detection.ultralytics.weights_files import Checkpoint
from utils.detection.wandb_record import WandbRecord
from utils.errors import DetectorError
from utils.locks import exclusive
from utils.masking import without_secrets
from utils.storage.objects import ObjectStore

_DEFAULTS = TrainingOptions()
_FAULTS = (RuntimeError, ValueError, TypeError, AssertionError, OSError, CalledProcessError)


@dataclass(frozen=True, slots=True)
class _Training:
    """A training with everything that determines its result."""

    run: UltralyticsRun
    dataset: YoloDataset
    checkpoint: Checkpoint
    arguments: dict[str, Any]


def train_detector(
    dataset: YoloDataset,
    options: TrainingOptions = _DEFAULTS,
    *,
    tracking: TrackingOptions | None = None,
    on_start: Callable[[str], None] | None = None,
    on_epoch: OnEpoch | None = None,
    kept_in: ObjectStore | None = None,
) -> Detector:
    """Train a detector on a dataset, continuing where an earlier, killed run of it stopped.

    The same data, arguments and starting weights are the same run: once it has finished, its result
    is returned at once. With a store, this holds on every machine that uses it.

    Args:
        dataset: Dataset from `write_yolo_dataset`.
        options: Options of the training.
        tracking: Options of the record in MLflow or W&B; None records nothing.
        on_start: Called, before the training begins, with the fingerprint of its data, arguments,
            seed and starting weights, as in `Detector.run_fingerprint`.
        on_epoch: Called with the metrics of every epoch when it ends, and, when a run is continued,
            with the metrics of the earlier epochs too.
        kept_in: Store that receives, after each epoch, the files to resume from elsewhere, and the
            result.

    Raises:
        BusyError: If the same training already runs on this machine, or is taken over meanwhile
            by another one that uses the store.
        ConfigurationError: If ultralytics refuses the value of an argument, or the weights do not
            know a class as the options say, or the labels have no such class.
        DetectorError: If the weights cannot be found or the training fails.
        StoreError: If the store cannot be reached or read when the training starts.
    """
    training = _prepared(dataset, options)
    run, checkpoint = training.run, training.checkpoint
    if on_start:
        on_start(run.fingerprint)
    with exclusive("training", str(run.folder)), quiet(), trusting(Path(checkpoint.model)):
        record = _finish(training, options.resume, tracking, on_epoch, kept_in)
    mlflow_run_id = record.mlflow_run_id if isinstance(record, TrainingRecord) else None
    link = record.link if record else ""
    return replace(_detector(training), mlflow_run_id=mlflow_run_id, record=link)


def _prepared(dataset: YoloDataset, options: TrainingOptions) -> _Training:
    dataset = sampled(dataset, options.sampling)
    arguments = checked_arguments(options, dataset.kind)
    found = resolve_checkpoint(options, dataset.kind)
    checkpoint = with_known_classes(found, options.known_as)
    require_labelled(options.known_as, dataset.class_names)
    run = open_run(dataset.fingerprint, checkpoint.identity, arguments)
    return _Training(run, dataset, checkpoint, arguments)


def _finish(
    training: _Training,
    resume: bool,
    tracking: TrackingOptions | None,
    on_epoch: OnEpoch | None,
    kept_in: ObjectStore | None,
) -> TrainingRecord | WandbRecord | None:
    """Train unless that is done, with backup and record, which is returned."""
    run = training.run
    with ExitStack() as stack:
        backup = kept_in and stack.enter_context(RunBackup(run, kept_in))
        run.drop_damaged_result()
        if resume:
            _require_begun(run)
        record = None
        if tracking is not None:
            kind = WandbRecord if tracking.tracker == "wandb" else TrainingRecord
            record = kind(tracking, run, _parameters(training))
            stack.enter_context(record)
        # The backup first: once another machine has taken the training over, nothing is recorded.
        listeners = (backup and backup.add_epoch, record and record.add_epoch, on_epoch)
        report = EpochReport(run, [listener for listener in listeners if listener])
        if run.result() is None:
            _train(training, report)
            run.mark_finished()
        report.new_epochs()
        if backup:
            backup.require_held()
    return record


def _require_begun(run: UltralyticsRun) -> None:
    if run.result() is None and run.resume_point() is None:
        raise DetectorError(
            "There is no training to resume with these labels and arguments. "
            "Run it without --resume to begin one."
        )


def _parameters(training: _Training) -> dict[str, Any]:
    """The parameters that MLflow shows beside the metrics."""
    return {
        **without_circumstances(training.arguments),
        "augmentations": ", ".join(names_of(training.arguments["augmentations"])) or "none",
        "checkpoint": without_secrets(training.checkpoint.source),
        "data_fingerprint": training.dataset.fingerprint,
        **{f"{split}_tiles": count for split, count in training.dataset.tile_counts.items()},
    }


def _train(training: _Training, report: EpochReport) -> None:
    """Train to the end, from the beginning or from the state that a kill left."""
    run, checkpoint, start = training.run, training.checkpoint, training.arguments
    device = start["device"]
    resume_point = run.resume_point()
    if resume_point is None:
        run.begin()
    else:
        run.rewind(resume_point)
        if (resume_point / "last_epoch").exists():
            run.adopt_weights(resume_point)
            return
        # Processes of other GPUs load these weights without a restriction: they are checked here.
        load_weights(run.weights / "best.pt")
        checkpoint = Checkpoint(str(resume_point / "resume.pt"), identity="")
        start = {"resume": True, "device": device}
    dataset = training.dataset
    require_all_readable(dataset, single_class=bool(training.arguments.get("single_cls")))
    model = load_model(checkpoint, dataset.kind)
    if checkpoint.architecture:
        tell_transfer(checkpoint, model)
        # Named, since a process for each of several GPUs makes the model anew.
        start = {"pretrained": checkpoint.model, **start}
    require_image_size(model, training.arguments["imgsz"])
    with watching(model, run, report, device, dataset.tile_counts):
        try:
            model.train(data=str(dataset.source), save_dir=str(run.save_dir), **start)
        except _FAULTS as error:
            raise DetectorError(_failure(error)) from error
    wait_for_plots()


def _failure(error: Exception) -> str:
    if "out of memory" in str(error).lower():
        return (
            "The device has too little memory for this training. "
            "Lower batch or imgsz in the training options, or set batch: -1."
        )
    if isinstance(error, CalledProcessError):  # each of several GPUs has a process
        return f"The training failed on one of the GPUs (exit code {error.returncode}): see above."
    return f"The training failed: {error}. Run again with --verbose for the details."


def _detector(training: _Training) -> Detector:
    run, result = training.run, training.run.result()
    if result is None:
        raise DetectorError(f"The training in {run.folder} ended without a result. Run it again.")
    return Detector(
        best=run.weights / "best.pt",
        last=run.weights / "last.pt",
        class_names=training.dataset.class_names,
        task=training.dataset.kind.value,
        image_size=int(training.arguments["imgsz"]),
        checkpoint=training.checkpoint.source,
        arguments=training.arguments,
        metrics=result.metrics,
        epochs=result.epochs,
        data_fingerprint=training.dataset.fingerprint,
        run_fingerprint=run.fingerprint,
        history=tuple(epoch.values for epoch in run.epochs()),
    )
