"""The arguments of a training in ultralytics' terms."""

from __future__ import annotations

from typing import Any

from utils.detection.augmentations import as_arguments
from utils.detection.devices import choose_device
from utils.detection.ultralytics.library import quiet
from utils.detection.ultralytics.options import TrainingOptions
from utils.errors import ConfigurationError


def checked_arguments(options: TrainingOptions) -> dict[str, Any]:
    """The training arguments that the options ask for, checked by ultralytics.

    Raises:
        ConfigurationError: If ultralytics refuses the value of an argument, or would leave out
            augmentations.
    """
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
