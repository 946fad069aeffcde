"""The weights a training starts from: found, downloaded, or, where allowed, none."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

from utils.detection.ultralytics.library import load_ultralytics, quiet
from utils.detection.ultralytics.options import TrainingOptions
from utils.detection.ultralytics.torchvision_weights import (
    fetch_weights,
    network_in,
    without_weights,
)
from utils.detection.ultralytics.trust import allow_blocks, refusal, trusting
from utils.detection.ultralytics.weights_files import (
    ARCHITECTURE,
    SUFFIXES,
    Checkpoint,
    DownloadError,
    find_by_name,
    find_weights,
    first_line,
    is_bare_name,
    name_for,
)
from utils.errors import ConfigurationError, DetectorError
from utils.shapes.shapes import ShapeKind

_STRIDE = 32  # of the coarsest grid, in pixels
_ENOUGH_TRANSFERRED = 0.5

logger = logging.getLogger(__name__)


def resolve_checkpoint(options: TrainingOptions, kind: ShapeKind = ShapeKind.DETECT) -> Checkpoint:
    """Find the weights that `model_checkpoint` names, for a kind of shapes.

    The order is: a file of that path, a file of that name in `weights_dir`, a download from
    ultralytics into `weights_dir`, and, if `allow_scratch` is set, the architecture alone. A name
    without a folder is not a path, so that a file in the current folder is not mistaken for the
    published weights of that name. Both places may be in a bucket: its files are fetched once, and
    downloads are kept on this machine.

    The name of a detector (`yolov8n.pt`) serves every kind of shapes: its sibling of the same task
    (`yolov8n-seg.pt`) is taken where it can be had, else the detector's weights are transferred.

    Raises:
        DetectorError: If there are no such weights, or they are of another task.
        StoreError: If the bucket cannot be read.
    """
    wanted = options.model_checkpoint
    try:
        if wanted.endswith(ARCHITECTURE):
            return _architecture(name_for(wanted, kind), options)
        named = None if is_bare_name(wanted) else find_weights(wanted)
        found = named or _sibling(wanted, options.weights_dir, kind)
        return fitted_to(found or find_by_name(wanted, options.weights_dir), kind)
    except DetectorError as error:
        if options.allow_scratch and not wanted.endswith(ARCHITECTURE):
            return _scratch(name_for(wanted, kind), error)
        if not isinstance(error, DownloadError):
            raise
        told = f"{error} To train without, add: --set training.allow_scratch=true"
        raise DetectorError(told) from error


def _architecture(name: str, options: TrainingOptions) -> Checkpoint:
    """An architecture, whose network of torchvision has its weights if it has one.

    Raises:
        DetectorError: If these weights cannot be had, and training from scratch is not allowed.
    """
    try:
        network = network_in(name)
    except Exception:  # loading it tells what is wrong
        return Checkpoint(name, name)
    if network is None:
        return Checkpoint(name, name)
    try:
        fetch_weights(network)
    except Exception as error:  # the network, a full disk, another file than was promised
        told = f"torchvision's weights of {network} cannot be downloaded: {first_line(error)}."
        if not options.allow_scratch:
            raise DownloadError(f"{told[0].upper()}{told[1:]}") from error
        logger.warning("%s Training from scratch, from the architecture %s.", told, name)
        return Checkpoint(name, f"{name} without weights", without_weights(name))
    return Checkpoint(name, name)


def _sibling(wanted: str, weights_dir: str | None, kind: ShapeKind) -> Checkpoint | None:
    """The weights of a detector's sibling for a kind of shapes, if they can be had."""
    name = name_for(wanted, kind)
    try:
        return None if name == wanted else find_by_name(name, weights_dir)
    except DetectorError:
        return None


def fitted_to(checkpoint: Checkpoint, kind: ShapeKind) -> Checkpoint:
    """A checkpoint to train on shapes of a kind: itself, or its weights in another architecture.

    Raises:
        DetectorError: If its weights are of another task, and not of a detector whose architecture
            has a sibling for the kind.
    """
    if kind.is_upright or checkpoint.from_scratch:
        return checkpoint
    model = load_model(checkpoint)
    if model.task == kind:
        return checkpoint
    own = Path(str(model.model.yaml.get("yaml_file", ""))).name
    architecture = name_for(own, kind)
    if model.task != "detect" or not _is_known(architecture):
        raise DetectorError(_unfit(checkpoint.source, str(model.task), kind))
    identity = f"{checkpoint.identity}:{architecture}"
    return replace(checkpoint, architecture=architecture, identity=identity)


def _is_known(architecture: str) -> bool:
    """Whether ultralytics brings an architecture of that name."""
    from ultralytics.nn.tasks import yaml_model_load

    try:
        with quiet():
            yaml_model_load(architecture)
    except Exception:  # a missing file is reported in several ways
        return False
    return True


def _unfit(source: str, task: str, kind: ShapeKind) -> str:
    """A sentence for weights of another task, with what works."""
    if kind.is_upright:
        return (
            f"{source} is a model for the task '{task}', not a detector. "
            "Name one without a suffix such as -seg or -cls, for instance yolov8n.pt."
        )
    return (
        f"{source} is a model for the task '{task}' that cannot learn {kind.noun}. Name one for "
        f"'{kind}' in model_checkpoint, for instance yolov8n{SUFFIXES[kind]}.pt, or a YOLO "
        "detector such as yolov8n.pt, whose weights are transferred."
    )


def load_model(checkpoint: Checkpoint, kind: ShapeKind | None = None) -> Any:
    """The ultralytics model of a checkpoint.

    Args:
        checkpoint: Checkpoint; of one that is transferred, the new model without its weights.
        kind: The kind of shapes to train on; by default any that Spyglass knows.

    Raises:
        ConfigurationError: If the user names trusted weights in another way than by SHA-256.
        DetectorError: If the file is no checkpoint, could run code, or is one of another task.
    """
    model = _loaded(checkpoint)
    if model.task not in set(ShapeKind):
        raise DetectorError(_unfit(checkpoint.source, str(model.task), kind or ShapeKind.DETECT))
    if kind is not None and model.task != kind:
        raise DetectorError(_unfit(checkpoint.source, str(model.task), kind))
    return model


def tell_transfer(checkpoint: Checkpoint, model: Any) -> float:
    """Log the share of a model's weights that a transferred checkpoint has; a warning below half.

    Args:
        checkpoint: Checkpoint with another architecture.
        model: The new model, from `load_model`.

    Returns:
        The share of its tensors, in [0, 1].
    """
    from ultralytics.utils.torch_utils import intersect_dicts

    known = load_model(replace(checkpoint, architecture=None)).model.float().state_dict()
    wanted = model.model.state_dict()
    share = len(intersect_dicts(known, wanted)) / len(wanted)
    logger.log(
        logging.INFO if share >= _ENOUGH_TRANSFERRED else logging.WARNING,
        "%.0f %% of the weights of %s come from %s; the rest is learned from nothing.",
        100 * share,
        checkpoint.architecture,
        checkpoint.source,
    )
    return share


def _loaded(checkpoint: Checkpoint) -> Any:
    ultralytics = load_ultralytics()
    try:
        with quiet(), trusting(Path(checkpoint.model)):
            # An RT-DETR checkpoint says so itself; its architecture has to be told.
            is_rtdetr = (
                Path(checkpoint.source).name.startswith("rtdetr") and checkpoint.from_scratch
            )
            if checkpoint.model.endswith(".pt"):
                allow_blocks(Path(checkpoint.model))
            load = ultralytics.RTDETR if is_rtdetr else ultralytics.YOLO
            return load(checkpoint.architecture or checkpoint.model)
    except ConfigurationError:
        raise
    except Exception as error:  # a foreign file may cause any
        if refused := refusal(checkpoint.source, Path(checkpoint.model), error):
            raise DetectorError(refused) from error
        raise DetectorError(
            f"{checkpoint.source} cannot be loaded as a detector: {first_line(error)}. "
            "Name an ultralytics checkpoint (.pt) or architecture (.yaml) in model_checkpoint."
        ) from error


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
