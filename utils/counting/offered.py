"""The classes that people can mark in Label Studio: no others can be counted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from utils.annotation.label_studio.options import LabelStudioOptions
from utils.annotation.label_studio.project import classes_offered
from utils.counting.weights import listed
from utils.errors import ConfigurationError

if TYPE_CHECKING:
    from label_studio_sdk import LabelStudio


def require_offered(
    client: LabelStudio, options: LabelStudioOptions, classes: Sequence[str]
) -> None:
    """Make sure that the project offers all classes to count; a missing one is made so.

    Raises:
        ConfigurationError: If it does not.
        LabelStudioError: If the project cannot be asked.
    """
    offered = classes_offered(client, options)
    missing = [] if offered is None else [name for name in classes if name not in offered]
    if not missing or offered is None:
        return
    told = f"The project '{options.project}' of Label Studio does not offer {listed(missing)}"
    where = "under its Settings, Labeling Interface"
    if both := [name for name in classes if name in offered]:
        chosen = f"--set 'count.classes=[{', '.join(both)}]'"
        raise ConfigurationError(f"{told}. Add them {where}, or count others: {chosen}")
    raise ConfigurationError(f"{told}. Add them {where}.")
