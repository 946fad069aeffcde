"""Options of packing a detector."""

from __future__ import annotations

from pydantic import Field

from utils.options import Options
from utils.serving.model_facts import NOT_STATED


class PackageOptions(Options):
    """Facts that only you know, for the model card."""

    intended_use: str = NOT_STATED
    """Purpose that the detector is meant for: scenes, sensors, resolutions, objects."""

    not_intended: str = NOT_STATED
    """Uses that it is not meant for."""

    licences: dict[str, str] = Field(default_factory=dict)
    """Licence of the images by name of their source, which is the first part of the ids of its
    scenes."""

    licence: str = NOT_STATED
    """Licence of the weights. Weights that ultralytics trained or that started from its weights
    are under the AGPL-3.0, unless you have another licence from them."""
