"""Options of one prediction, from the query or the fields of a form."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from utils.options import unknown_key
from utils.serving.service.refusals import Refused

_KNOWN = ["confidence", "classes", "tile_size"]
_SMALLEST_TILE, _LARGEST_TILE = 32, 8192


def prediction_options(given: Mapping[str, str], class_names: Sequence[str]) -> dict[str, Any]:
    """Read the options of a prediction.

    Args:
        given: `confidence` (0 to 1), `classes` (names, separated by commas) and `tile_size` (side
            of the windows in pixels), as text.
        class_names: Classes of the detector.

    Returns:
        The options that were given, as JSON.

    Raises:
        Refused: If one is not known or no possible value.
    """
    for name in given:
        if name not in _KNOWN:
            told = unknown_key(name[:50], _KNOWN, "option")
            raise Refused(400, f"{told[0].upper()}{told[1:].rstrip('?.')}.")
    options: dict[str, Any] = {}
    if "confidence" in given:
        options["confidence"] = _number("confidence", given["confidence"], 0, 1)
    if "tile_size" in given:
        side = _number("tile_size", given["tile_size"], _SMALLEST_TILE, _LARGEST_TILE)
        options["tile_size"] = int(side)
    if "classes" in given:
        names = [name.strip() for name in given["classes"].split(",")]
        for name in names:
            if name not in class_names:
                told = unknown_key(name[:50], list(class_names), "class")
                raise Refused(400, f"{told[0].upper()}{told[1:].rstrip('?.')}.")
        options["classes"] = names
    return options


def _number(name: str, text: str, least: float, most: float) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not least <= value <= most:
        raise Refused(400, f"The option {name} must be a number from {least:g} to {most:g}.")
    return value
