"""The arguments of a training in ultralytics' terms."""

from __future__ import annotations

from typing import Any

from utils.detection.augmentations import as_arguments
from utils.detection.devices import choose_device
from utils.detection.ultralytics.library import quiet
from utils.detection.ultralytics.options import TrainingOptions
from utils.errors import ConfigurationError
from utils.shapes.shapes import ShapeKind

_OF_POLYGONS = {"mask_ratio", "overlap_mask"}
# Arguments without any effect on the classes of whole images: they are about boxes, about several
# images in one, or about moved boxes, and ultralytics would take them in silence.
_NOT_OF_CLASSES = _OF_POLYGONS | {
    "agnostic_nms", "bgr", "box", "close_mosaic", "cls", "cls_pw", "conf", "copy_paste",
    "copy_paste_mode", "cutmix", "degrees", "dfl", "fraction", "iou", "max_det", "mixup", "mosaic",
    "multi_scale", "perspective", "rect", "shear", "translate",
}  # fmt: skip
_MEANINGLESS = {
    ShapeKind.CLASSIFY: _NOT_OF_CLASSES,
    ShapeKind.OBB: _OF_POLYGONS,
}


def checked_arguments(
    options: TrainingOptions, kind: ShapeKind = ShapeKind.DETECT
) -> dict[str, Any]:
    """The training arguments that the options ask for, checked by ultralytics.

    Args:
        options: Options of the training.
        kind: The kind of the shapes to train on.

    Raises:
        ConfigurationError: If ultralytics refuses the value of an argument, or would leave out
            augmentations, or an argument means nothing for the kind.
    """
    _require_meaning(options, kind)
    arguments = {
        **options.arguments,
        "epochs": options.epochs,
        "imgsz": options.imgsz,
        "batch": options.batch,
        "patience": options.patience,
        "seed": options.seed,
        "device": choose_device(options.device),
        "augmentations": as_arguments(options.augmentations, options.imgsz),
    }
    with quiet():
        from ultralytics.cfg import get_cfg

        _require_applied(arguments["augmentations"])
        try:
            get_cfg(overrides=arguments)
        except (TypeError, ValueError) as error:
            raise ConfigurationError(
                f"Ultralytics refuses a training argument: {error} "
                "Mend it under the training options in the configuration."
            ) from error
    return arguments


def _require_meaning(options: TrainingOptions, kind: ShapeKind) -> None:
    """Make sure that no argument is without an effect.

    Raises:
        ConfigurationError: If one is.
    """
    useless = sorted(_MEANINGLESS.get(kind, set()) & options.arguments.keys())
    named = ", ".join(f"'{name}'" for name in useless)
    place = "training.arguments"
    if not kind.has_places and options.augmentations:
        named, place = "augmentations of Albumentations", "training.augmentations"
    if named:
        raise ConfigurationError(
            f"A training of {kind.noun} makes no use of {named}: take it out of {place}."
        )


def _require_applied(arguments: list[dict[str, Any]]) -> None:
    """Make sure that ultralytics applies the augmentations, which it may leave out in silence.

    Raises:
        ConfigurationError: If it would leave them out.
    """
    from ultralytics.data.augment import Albumentations

    if arguments and Albumentations(transforms=arguments).transform is None:
        raise ConfigurationError(
            "The installed Albumentations does not fit ultralytics, which would leave the "
            "augmentations out. Install the one in requirements.txt, and not albumentationsx."
        )
