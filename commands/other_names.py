"""Keys of ZenML's example project for computer vision, and their places here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_BY_ITSELF = "take it out: Spyglass shows the tiles of the project's data_store by itself"

_HINTS = {
    "ls_project_id": "write the name or number as 'label_studio' in configs/project.yaml, or as "
    "parameters.label_studio.project",
    "ls_storage_id": _BY_ITSELF,
    "storage_id": _BY_ITSELF,
    "storage_type": _BY_ITSELF,
    "dataset_name": "in configs/project.yaml, 'label_studio' names the Label Studio project and "
    "'dataset' the FiftyOne dataset",
    "data_source": "write the place of the tiles as 'data_store' in configs/project.yaml; this "
    "pipeline finds the tiles by itself",
    "dataset": "write the Hugging Face dataset as source.dataset in configs/project.yaml",
    "inference_data_source": "write it as parameters.source.path, or --set source.path=DIR",
    "model_checkpoint": "write it as parameters.training.model_checkpoint",
    "batch_size": "write it as parameters.training.batch",
    "epochs": "write it as parameters.training.epochs",
    "imgsz": "write it as parameters.training.imgsz",
    "is_quad_gpu_env": "take it out: a training uses every GPU of its machine",
    "is_single_gpu_env": "take it out: a training uses every GPU of its machine",
}


def hint_for(key: str) -> str | None:
    """Return what to write in the place of a key of the example project; None for other keys."""
    hint = _HINTS.get(key)
    return hint and f"'{key}' is a key of ZenML's example project; {hint}."


def hint_in_steps(steps: Any) -> str | None:
    """Return the hint for the first such key among the parameters of steps, with its place.

    Args:
        steps: Value of `steps` in a pipeline's file.
    """
    for name, step in steps.items() if isinstance(steps, Mapping) else ():
        parameters = step.get("parameters") if isinstance(step, Mapping) else None
        for key in parameters if isinstance(parameters, Mapping) else ():
            if hint := hint_for(str(key)):
                return f"steps.{name}.parameters: {hint}"
    return None
