"""The record of a training in Weights & Biases: each epoch as it ends, parameters, files, scores.

The fingerprint of a training is the id of its run: a training that is continued after a kill goes
on in the same run. Without a network or a key, the run is written to a folder, which `wandb sync`
sends later; a kill loses the folder's content, so that the next one holds all epochs again. W&B is
never required: a fault is told once, and the training goes on.
"""

from __future__ import annotations

import json
import logging
import math
import os
import socket
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal, Self
from urllib.parse import urlsplit

from utils.detection.options import TrackingOptions
from utils.detection.training_run import EpochMetrics, TrainingRun
from utils.files import write_whole
from utils.paths import local_folder

KEY_VARIABLE = "WANDB_API_KEY"
_ADDRESS_VARIABLE, _MODE_VARIABLE = "WANDB_BASE_URL", "WANDB_MODE"
_ADDRESS = "https://api.wandb.ai"
_STATE_FILE = "wandb.json"
_ID_DIGITS = 32
_CONNECT_SECONDS = 3.0
_PICTURES = (".png", ".jpg")

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class _Sent:
    """The record of a training as far as a later process needs to know it.

    Attributes:
        is_finished: Whether everything was sent.
        link: As in `WandbRecord`.
    """

    is_finished: bool = False
    link: str = ""


class WandbRecord:
    """One training in W&B, used as a context around it.

    Attributes:
        link: Address of the run, or the folder of an offline run; empty while there is none.
    """

    def __init__(
        self, options: TrackingOptions, run: TrainingRun, parameters: Mapping[str, Any]
    ) -> None:
        """Prepare the record of `run`; nothing is sent yet."""
        self.link = ""
        self._options = options
        self._training = run
        self._parameters = dict(parameters)
        self._run: Any = None
        self._next_epoch = 0
        self._has_failed = False
        self._state = run.folder / _STATE_FILE

    def __enter__(self) -> Self:
        """Begin the run, or go on with it; a finished one is left alone."""
        sent = self._sent()
        self.link = sent.link
        if not sent.is_finished:
            self._try(self._begin)
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Send missing epochs and files, and end the run."""
        if self._run is None:
            return
        if kind is None:
            self._try(self._send_epochs)
            self._try(self._send_files)
        self._try(lambda: self._end(0 if kind is None else 1))

    def _end(self, exit_code: int) -> None:
        import wandb

        self._run.finish(exit_code=exit_code)
        wandb.teardown()  # only then everything is on the disk

    def add_epoch(self, epoch: EpochMetrics) -> None:
        """Send the metrics of an epoch, and of earlier ones that were missed."""
        del epoch
        if self._run is not None:
            self._try(self._send_epochs)

    def _begin(self) -> None:
        self._run = begun_run(self._options, self._training.fingerprint, self._parameters)
        self._next_epoch = (
            self._run.starting_step
        )  # of a run that W&B knows, the one after its last
        self.link = link_of(self._run)
        self._note(replace(self._sent(), link=self.link))

    def _send_epochs(self) -> None:
        for epoch in self._training.epochs():
            if epoch.epoch >= self._next_epoch:
                values = {
                    name: value for name, value in epoch.values.items() if math.isfinite(value)
                }
                self._run.log(values, step=epoch.epoch, commit=True)
                self._next_epoch = epoch.epoch + 1

    def _send_files(self) -> None:
        import wandb

        pictures = [plot for plot in self._training.plots() if plot.suffix in _PICTURES]
        self._run.log({f"plots/{plot.stem}": wandb.Image(str(plot)) for plot in pictures})
        name = f"weights-{self._training.fingerprint[:8]}"
        weights = wandb.Artifact(name, "model")
        weights.add_dir(str(self._training.weights))
        self._run.log_artifact(weights)
        self._note(replace(self._sent(), is_finished=True))

    def _note(self, sent: _Sent) -> None:
        write_whole(self._state, json.dumps(asdict(sent)))

    def _sent(self) -> _Sent:
        return _Sent(**json.loads(self._state.read_text())) if self._state.is_file() else _Sent()

    def _try(self, action: Callable[[], None]) -> None:
        try:
            action()
        except Exception as error:  # wandb raises what it likes
            if not self._has_failed:
                self._has_failed = True
                logger.warning("W&B has not taken all of the training, which goes on: %s", error)


def begun_run(
    options: TrackingOptions, fingerprint: str, parameters: Mapping[str, Any] | None = None
) -> Any:
    """Begin or go on with the run of a training.

    Args:
        options: Options of the record.
        fingerprint: Fingerprint of the training.
        parameters: Training arguments; None leaves those of the run.

    Returns:
        A `wandb.Run`.
    """
    _keep_local()
    import wandb

    settings = wandb.Settings(
        console="off", silent=True, disable_git=True, save_code=False, x_disable_stats=True
    )
    sending = mode()
    return wandb.init(
        entity=options.entity,
        project=options.project or options.experiment,
        group=options.experiment,
        name=f"train-{fingerprint[:8]}",
        id=fingerprint[:_ID_DIGITS],
        resume="allow" if sending == "online" else None,  # else folders of one id are joined later
        mode=sending,
        dir=str(local_folder("wandb")),
        config=None if parameters is None else dict(parameters),
        settings=settings,
    )


def link_of(run: Any) -> str:
    """The address of a run, or the folder of an offline one."""
    return str(run.url or Path(run.dir).parent)


def mode() -> Literal["online", "offline"]:
    """Whether runs are sent at once: with a key, and a server that can be reached."""
    match os.environ.get(_MODE_VARIABLE):
        case "online":
            return "online"
        case "offline":
            return "offline"
    place = urlsplit(os.environ.get(_ADDRESS_VARIABLE, _ADDRESS))
    port = place.port or (80 if place.scheme == "http" else 443)
    if not os.environ.get(KEY_VARIABLE):
        return "offline"
    try:
        with socket.create_connection((place.hostname or "", port), _CONNECT_SECONDS):
            return "online"
    except OSError:
        return "offline"


def _keep_local() -> None:
    """Keep the files of wandb in local state, and keep it quiet."""
    for variable, folder in (("WANDB_CACHE_DIR", "cache"), ("WANDB_DATA_DIR", "data")):
        os.environ.setdefault(variable, str(local_folder("wandb", folder)))
    os.environ.setdefault("WANDB_ERROR_REPORTING", "false")
    os.environ.setdefault("WANDB_SILENT", "true")
