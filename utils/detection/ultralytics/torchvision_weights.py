"""Architectures of ultralytics that begin with a network of torchvision and its weights.

Ultralytics downloads these weights while it builds the model (`yolo11-cls-resnet18.yaml`).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from utils.detection.ultralytics.library import load_ultralytics, quiet
from utils.files import write_whole
from utils.paths import local_folder

_LAYER = "TorchVision"


def network_in(architecture: str) -> str | None:
    """The name of torchvision's network in an architecture, or None.

    Raises:
        Exception: If ultralytics cannot read the architecture.
    """
    layers = [layer[3] for layer in _described(architecture)["backbone"] if layer[2] == _LAYER]
    return str(layers[0][1]) if layers else None


def fetch_weights(network: str) -> None:
    """Download the weights of a network, unless they are there.

    Raises:
        OSError: If they cannot be downloaded.
    """
    from torchvision.models import get_model_weights

    get_model_weights(network).DEFAULT.get_state_dict(progress=False, check_hash=True)


def without_weights(architecture: str) -> Path:
    """The same architecture without weights of torchvision, in a file on this machine."""
    described = _described(architecture)
    for layer in described["backbone"]:
        if layer[2] == _LAYER:
            layer[3][2] = None
    file = local_folder("cache", "architectures") / Path(architecture).name
    kept = {name: value for name, value in described.items() if name not in ("scale", "yaml_file")}
    write_whole(file, yaml.safe_dump(kept, sort_keys=False))
    return file


def _described(architecture: str) -> dict[str, Any]:
    load_ultralytics()
    from ultralytics.nn.tasks import yaml_model_load

    with quiet():
        return dict(yaml_model_load(architecture))
