"""The weights a training starts from: found, downloaded, or, where allowed, none."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from utils.detection.ultralytics.library import load_ultralytics, quiet
from utils.detection.ultralytics.options import TrainingOptions
from utils.detection.ultralytics.trust import refusal, trusting
from utils.errors import ConfigurationError, DetectorError
from utils.files import sha256_of
from utils.paths import local_folder
from utils.storage.cache import newest_copy
from utils.storage.objects import is_local

_ARCHITECTURE = (".yaml", ".yml")
_STRIDE = 32  # of the coarsest grid, in pixels

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The checkpoint that a training starts from.

    Attributes:
        source: A weights file, also `gs://...`, or the name of an architecture (`yolov8n.yaml`).
        identity: SHA-256 of the weights file, or the name of the architecture.
        local_copy: Local copy of a source that is in a bucket.
    """

    source: str
    identity: str
    local_copy: Path | None = None

    @property
    def model(self) -> str:
        """The file or the architecture for ultralytics to load."""
        return str(self.local_copy or self.source)

    @property
    def from_scratch(self) -> bool:
        """Whether there are no weights, only an architecture."""
        return self.source.endswith(_ARCHITECTURE)


class _DownloadError(DetectorError):
    """Weights of a known name that cannot be had from here: their architecture still can."""


def resolve_checkpoint(options: TrainingOptions) -> Checkpoint:
    """Find the weights that `model_checkpoint` names.

    The order is: a file of that path, a file of that name in `weights_dir`, a download from
    ultralytics into `weights_dir`, and, if `allow_scratch` is set, the architecture alone. A name
    without a folder is not a path, so that a file in the current folder is not mistaken for the
    published weights of that name. Both places may be in a bucket: its files are fetched once, and
    downloads are kept on this machine.

    Raises:
        DetectorError: If there are no such weights.
        StoreError: If the bucket cannot be read.
    """
    wanted = options.model_checkpoint
    if wanted.endswith(_ARCHITECTURE):
        return Checkpoint(wanted, wanted)
    try:
        named = None if _is_bare_name(wanted) else _find(wanted)
        return named or _find_by_name(wanted, options.weights_dir)
    except DetectorError as error:
        if options.allow_scratch:
            return _scratch(wanted, error)
        if not isinstance(error, _DownloadError):
            raise
        told = f"{error} To train without, add: --set training.allow_scratch=true"
        raise DetectorError(told) from error


def load_model(checkpoint: Checkpoint) -> Any:
    """The ultralytics model of a checkpoint.

    Raises:
        ConfigurationError: If the user names trusted weights in another way than by SHA-256.
        DetectorError: If the file is no checkpoint, could run code, or is not one of a detector.
    """
    ultralytics = load_ultralytics()
    try:
        with quiet(), trusting(Path(checkpoint.model)):
            # An RT-DETR checkpoint says so itself; its architecture has to be told.
            is_rtdetr = (
                Path(checkpoint.source).name.startswith("rtdetr") and checkpoint.from_scratch
            )
            model = (ultralytics.RTDETR if is_rtdetr else ultralytics.YOLO)(checkpoint.model)
    except ConfigurationError:
        raise
    except Exception as error:  # a foreign file may cause any
        if refused := refusal(checkpoint.source, Path(checkpoint.model), error):
            raise DetectorError(refused) from error
        raise DetectorError(
            f"{checkpoint.source} cannot be loaded as a detector: {_first_line(error)}. "
            "Name an ultralytics checkpoint (.pt) or architecture (.yaml) in model_checkpoint."
        ) from error
    if model.task != "detect":
        raise DetectorError(
            f"{checkpoint.source} is a model for the task '{model.task}', not a detector. "
            "Name one without a suffix such as -seg or -cls, for instance yolov8n.pt."
        )
    return model


def load_weights(path: Path) -> Any:
    """The ultralytics model in a weights file.

    Raises:
        DetectorError: As `load_model`.
    """
    return load_model(Checkpoint(str(path), identity=""))


def require_image_size(model: Any, image_size: int) -> None:
    """Make sure that an image is large enough for the candidates of an RT-DETR.

    Its decoder takes a fixed number of candidates (300) from the cells of three grids, of 8, 16 and
    32 pixels. A YOLO takes any number.

    Raises:
        DetectorError: If the grids have fewer cells.
    """
    wanted = getattr(model.model.model[-1], "num_queries", 0)
    side = next(side for side in range(_STRIDE, 1 << 16, _STRIDE) if _cells(side) >= wanted)
    if image_size < side:
        raise DetectorError(
            f"An image of {image_size} px has fewer places for objects than an RT-DETR asks for "
            f"({wanted}). Set imgsz to {side} or more in the training options."
        )


def _cells(image_size: int) -> int:
    return sum((image_size // stride) ** 2 for stride in (8, 16, 32))


def _find(place: str) -> Checkpoint | None:
    """The weights at a path or `gs://...`, if there are any."""
    if is_local(place):
        path = Path(place).expanduser().absolute()
        return Checkpoint(str(path), sha256_of(path)) if path.is_file() else None
    copy = newest_copy(place)
    return Checkpoint(place, sha256_of(copy), copy) if copy else None


def _is_bare_name(wanted: str) -> bool:
    return is_local(wanted) and Path(wanted).name == wanted


def _find_by_name(wanted: str, weights_dir: str | None) -> Checkpoint:
    if not is_local(wanted):
        raise DetectorError(
            f"{wanted} does not exist. Correct model_checkpoint, or put the weights there with: "
            f"gcloud storage cp <file> {wanted}"
        )
    folder = weights_dir or str(local_folder("weights"))
    found = _find(f"{folder}/{wanted}")
    if found is None:
        keep = Path(folder).expanduser() if is_local(folder) else local_folder("weights")
        downloaded = _download(wanted, keep).absolute()
        found = Checkpoint(str(downloaded), sha256_of(downloaded))
    return found


def _download(name: str, folder: Path) -> Path:
    load_ultralytics()
    from ultralytics.utils.checks import check_yolov5u_filename
    from ultralytics.utils.downloads import GITHUB_ASSETS_NAMES, attempt_download_asset

    published = check_yolov5u_filename(
        name, verbose=False
    )  # yolov5n.pt is published as yolov5nu.pt
    if published not in GITHUB_ASSETS_NAMES:
        raise DetectorError(
            f"'{name}' is neither a file nor in {folder}, and ultralytics publishes no weights of "
            f"that name. {_remedy(name)}"
        )
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with quiet():
            return Path(attempt_download_asset(folder / published))
    except Exception as error:  # requests, urllib3 and ConnectionError alike
        raise _DownloadError(
            f"The weights '{published}' are not in {folder} and cannot be downloaded: "
            f"{_first_line(error)}. Put the file there."
        ) from error


def _remedy(name: str) -> str:
    if _is_bare_name(name) and Path(name).is_file():
        return f"To use the file of the current folder, set model_checkpoint: ./{name}"
    return "Put the file there, or name another in model_checkpoint."


def _scratch(wanted: str, reason: DetectorError) -> Checkpoint:
    load_ultralytics()
    from ultralytics.nn.tasks import yaml_model_load

    architecture = f"{Path(wanted).stem}.yaml"
    try:
        with quiet():
            yaml_model_load(architecture)
    except Exception as error:
        raise DetectorError(
            f"'{wanted}' cannot be had, and ultralytics knows no architecture '{architecture}' "
            "to start from scratch with. Name another in model_checkpoint."
        ) from error
    logger.warning("%s Training from scratch, from the architecture %s.", reason, architecture)
    return Checkpoint(architecture, architecture)


def _first_line(error: Exception) -> str:
    text = str(error).strip("❌ \n")
    return text.splitlines()[0].rstrip(".") if text else type(error).__name__
