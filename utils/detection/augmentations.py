"""Augmentations by Albumentations: named in the configuration, tried before anything runs.

The training applies them to training images and their boxes, never in validation. They are passed
on as mappings (`albumentations.to_dict`), which also reach the processes of several GPUs, and the
checkpoint that a training resumes from.
"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Iterable, Mapping
from typing import Any

from utils.options import unknown_key
from utils.privacy import keep_private

# Argument of the transforms that apply one or some of a list of others.
_NESTED = "transforms"


def build_augmentations(augmentations: Iterable[Mapping[str, Any]], imgsz: int) -> list[Any]:
    """Build the Albumentations transforms of a configuration, and try each of them once.

    Args:
        augmentations: Mappings with a `name` and the arguments of that transform; a transform that
            chooses among others (`OneOf`, `SomeOf`, ...) has a list of mappings as `transforms`.
        imgsz: Side of the training images, in pixels, which a transform has to keep.

    Raises:
        ValueError: If a name or an argument is unknown, a value does not fit, or a transform cannot
            be used in training.
    """
    transforms = [_built(augmentation) for augmentation in augmentations]
    for transform in transforms:
        _try(transform, imgsz)
    return transforms


def as_arguments(augmentations: Iterable[Mapping[str, Any]], imgsz: int) -> list[dict[str, Any]]:
    """The augmentations as mappings that ultralytics takes and JSON holds.

    An empty list also keeps ultralytics from adding some of its own as soon as Albumentations is
    installed.

    Raises:
        ValueError: As `build_augmentations`.
    """
    transforms = build_augmentations(augmentations, imgsz)
    if not transforms:
        return []
    import albumentations

    return [albumentations.to_dict(transform) for transform in transforms]


def names_of(arguments: Iterable[Mapping[str, Any]]) -> list[str]:
    """Names of augmentations from `as_arguments` with their chances: `["RandomGamma (0.3)"]`."""
    transforms = [argument["transform"] for argument in arguments]
    return [f"{one['__class_fullname__']} ({one['p']:g})" for one in transforms]


def _built(augmentation: Mapping[str, Any]) -> Any:
    keep_private()
    import albumentations

    if not isinstance(augmentation, Mapping) or "name" not in augmentation:
        raise ValueError(f"an augmentation is a mapping with a name, not {augmentation!r}")
    arguments = dict(augmentation)
    name, known = str(arguments.pop("name")), _known()
    if name not in known:
        raise ValueError(unknown_key(name, known, "augmentation"))
    transform = getattr(albumentations, name)
    accepted = [key for key in inspect.signature(transform.__init__).parameters if key != "self"]
    for key in arguments:
        if key not in accepted:
            raise ValueError(f"{name}: {unknown_key(key, accepted, 'argument')}")
    if _NESTED in arguments:
        arguments[_NESTED] = [_built(nested) for nested in arguments[_NESTED]]
    try:
        return transform(**arguments)
    except Exception as error:  # pydantic's, its own, and what follows from a wrong type
        raise ValueError(f"{name}: {_first_problem(error)}") from None


def _known() -> list[str]:
    """The names of transforms with plain arguments only."""
    import albumentations
    from albumentations.core.composition import BaseCompose

    bases = (albumentations.BasicTransform, BaseCompose)
    abstract = {"BasicTransform", "DualTransform", "ImageOnlyTransform", "Transform3D", "Lambda"}
    choosing = {"OneOf", "SomeOf", "RandomOrder", "Sequential"}
    return sorted(
        name
        for name, value in inspect.getmembers(albumentations, inspect.isclass)
        if issubclass(value, bases)
        and name not in abstract
        and (name in choosing or not issubclass(value, BaseCompose))
    )


def _try(transform: Any, imgsz: int) -> None:
    """Apply a transform to an image with a box, as a training will."""
    import numpy as np

    name = type(transform).__name__
    image = np.random.default_rng(0).integers(0, 255, (imgsz, imgsz, 3), dtype=np.uint8)
    try:
        made = _applied(transform, image)
    except Exception as error:  # each transform has its own ways to fail
        raise ValueError(f"{name} cannot be used in training: {_first_problem(error)}") from None
    if getattr(made, "shape", None) != image.shape or made.dtype != image.dtype:
        raise ValueError(
            f"{name} cannot be used in training: images have to stay {imgsz} x {imgsz} pixels of "
            "8 bits in three channels"
        )


def _applied(transform: Any, image: Any) -> Any:
    """The image that a transform makes of an image with a box in its middle."""
    import albumentations

    boxes = albumentations.BboxParams(format="yolo", label_fields=["classes"])
    certain = albumentations.from_dict(certainly(albumentations.to_dict(transform)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # some transforms do not use boxes
        trial = albumentations.Compose([certain], bbox_params=boxes, seed=0)
        return trial(image=image, bboxes=[[0.5, 0.5, 0.5, 0.5]], classes=[0])["image"]


def certainly(value: Any) -> Any:
    """A serialized transform with the chance of each transform in it set to 1."""
    if isinstance(value, dict):
        return {key: 1.0 if key == "p" else certainly(inner) for key, inner in value.items()}
    return [certainly(inner) for inner in value] if isinstance(value, list) else value


def _first_problem(error: Exception) -> str:
    """The first problem, in one line."""
    from pydantic import ValidationError

    if isinstance(error.__cause__, ValidationError):
        problem = error.__cause__.errors()[0]
        return f"{problem['loc'][0]}: {problem['msg']}"
    return " ".join(str(error).split()) or type(error).__name__
