"""Predictions of an image as regions of a project in Label Studio."""

from __future__ import annotations

from typing import Any

import numpy as np

from utils.annotation.label_studio.image_regions import mended, problems_of, regions_in
from utils.annotation.label_studio.interface import interface_of
from utils.errors import LabelStudioError
from utils.serving.bundle import Bundle
from utils.shapes.shapes import Shapes

_NAME = "predicted"


def check_project(config: str, bundle: Bundle) -> tuple[str, ...]:
    """The classes of a project; one that cannot show what the model finds is refused.

    Args:
        config: Labelling configuration of the project.
        bundle: Bundle in service.

    Raises:
        LabelStudioError: If the project is made for other labels.
    """
    try:
        _, classes = interface_of(config, f"connected to {bundle.model}", bundle.kind)
    except SyntaxError:  # as of XML
        raise LabelStudioError("The labelling configuration of the project is no XML.") from None
    if not set(classes) & set(bundle.class_names):
        raise LabelStudioError(
            f"The project has none of the model's classes ({', '.join(bundle.class_names)}). Add "
            "them to its labelling configuration."
        )
    return classes


def regions_of(shapes: Shapes, size: tuple[int, int], classes: tuple[str, ...]) -> dict[str, Any]:
    """The prediction of a task: regions of the classes that the project has, and a score.

    Args:
        shapes: Objects of the image, with scores.
        size: Width and height of the image, in pixels.
        classes: Classes of the project.
    """
    kept = shapes.select(np.array([label in classes for label in shapes.labels], dtype=bool))
    kept, _ = mended(kept)
    problems = dict(problems_of(kept, *size))
    kept = kept.select([index for index in range(len(kept)) if index not in problems])
    if kept.kind.has_places and not kept.kind.is_oriented:
        kept = kept.clipped((0, 0, *size))
    score = float(kept.confidences.mean()) if len(kept) else 0.0
    return {"result": regions_in(size, kept, _NAME), "score": score}
