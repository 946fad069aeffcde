"""Callbacks during a training: progress, metrics of each epoch, weights kept safe."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

from utils.detection.training_run import EpochMetrics
from utils.detection.ultralytics.runs import UltralyticsRun
from utils.detection.ultralytics.verification import require_all_used
from utils.errors import BusyError
from utils.progress import Advance, progress

OnEpoch = Callable[[EpochMetrics], None]

_POLL_SECONDS = 2.0


class EpochReport:
    """Reports every epoch to listeners once, in order.

    The epochs are read from the results on disk, so that epochs of an interrupted run and epochs
    that other processes train (one per GPU) are reported in the same way.
    """

    def __init__(self, run: UltralyticsRun, listeners: Sequence[OnEpoch]) -> None:
        """Report the epochs of `run` to each of the listeners."""
        self._run = run
        self._listeners = listeners
        self._reported = 0

    def new_epochs(self) -> None:
        """Report the epochs that have ended since the last call."""
        for epoch in self._run.epochs():
            if epoch.epoch > self._reported:
                self._reported = epoch.epoch
                for listener in self._listeners:
                    listener(epoch)


@contextmanager
def watching(
    model: Any,
    run: UltralyticsRun,
    report: EpochReport,
    device: str,
    tile_counts: dict[str, int],
) -> Iterator[None]:
    """Follow the training of `model` within a block; it fails if it leaves out an image."""
    # With several GPUs, ultralytics pickles callbacks for the processes that it starts, and calls
    # this one in one of them only.
    model.add_callback("on_model_save", partial(_keep, run))
    model.add_callback("on_train_start", partial(require_all_used, tile_counts))
    run.stop_marker.unlink(missing_ok=True)
    if "," in device:
        with _polled(run, report):
            yield
    else:
        with ExitStack() as stack:
            _add_callbacks(model, report, stack)
            yield


def _keep(run: UltralyticsRun, trainer: Any) -> None:
    if run.stop_marker.exists():
        raise BusyError("Another machine has taken the training over: this one ends.")
    run.keep(trainer.epoch + 1, is_last=bool(trainer.stop))


def _add_callbacks(model: Any, report: EpochReport, stack: ExitStack) -> None:
    advance: list[Advance] = []

    def open_progress(trainer: Any) -> None:
        batches = len(trainer.train_loader)
        advance.append(
            stack.enter_context(progress("Training (batches)", trainer.epochs * batches))
        )
        advance[0](trainer.start_epoch * batches)

    model.add_callback("on_train_start", open_progress)
    model.add_callback("on_train_batch_end", lambda _: advance[0](1))
    model.add_callback("on_fit_epoch_end", lambda _: report.new_epochs())


@contextmanager
def _polled(run: UltralyticsRun, report: EpochReport) -> Iterator[None]:
    """Poll for new epochs every few seconds, in a thread.

    Raises:
        BusyError: If a listener raised it; the processes that train are then told to end.
    """
    ended = threading.Event()
    lost: list[BusyError] = []

    def poll() -> None:
        while not (lost or ended.wait(_POLL_SECONDS)):
            try:
                report.new_epochs()
            except BusyError as error:
                lost.append(error)
                run.stop_marker.touch()

    thread = threading.Thread(target=poll, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        if lost:
            raise lost[0] from None


def wait_for_plots() -> None:
    """Wait for the threads in which ultralytics still draws its plots."""
    for thread in threading.enumerate():
        if thread.name.endswith("(plot_images)"):
            thread.join()
