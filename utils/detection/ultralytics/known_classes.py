"""Rename classes of the weights that a training starts from.

Ultralytics carries over the last layer of a class if the labels have a class of the same name, and
learns it anew otherwise: a `ship` from nothing, though COCO has the class `boat`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace

from utils.detection.ultralytics.checkpoint import load_model
from utils.detection.ultralytics.weights_files import Checkpoint
from utils.errors import ConfigurationError
from utils.files import written_whole
from utils.options import unknown_key
from utils.paths import local_folder

_NAME_LENGTH = 16


def with_known_classes(checkpoint: Checkpoint, known_as: Mapping[str, str]) -> Checkpoint:
    """Rename some classes of the weights, in a copy on this machine.

    Args:
        checkpoint: Checkpoint that a training would start from. An architecture without weights
            knows nothing, and is left as it is.
        known_as: The weights' names of classes, by their names in the labels.

    Raises:
        ConfigurationError: If the weights know no such class.
        DetectorError: If they cannot be loaded.
    """
    if not known_as or checkpoint.from_scratch:
        return checkpoint
    model = load_model(replace(checkpoint, architecture=None))
    new_names = {old: new for new, old in known_as.items()}
    known = list(model.model.names.values())
    for old in new_names:
        if old not in known:
            raise ConfigurationError(
                f"{checkpoint.source} cannot tell what {new_names[old]} is known as: "
                f"{unknown_key(old, known, 'class')} Mend known_as in the training options."
            )
    model.model.names = {
        index: new_names.get(name, name) for index, name in model.model.names.items()
    }
    identity = hashlib.sha256(
        json.dumps([checkpoint.identity, sorted(known_as.items())]).encode()
    ).hexdigest()
    copy = local_folder("cache", "weights") / f"{identity[:_NAME_LENGTH]}.pt"
    if not copy.is_file():
        with written_whole(copy) as partial:
            model.save(partial)
    return replace(checkpoint, identity=identity, local_copy=copy)


def require_labelled(known_as: Mapping[str, str], class_names: Sequence[str]) -> None:
    """Make sure that classes are renamed to classes that the labels have.

    Raises:
        ConfigurationError: If the labels have no class of a name.
    """
    for name in known_as:
        if name not in class_names:
            raise ConfigurationError(
                f"The labels cannot tell what {known_as[name]} is to become: "
                f"{unknown_key(name, list(class_names), 'class')} "
                "Mend known_as in the training options."
            )
