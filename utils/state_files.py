"""Small JSON files that Spyglass keeps between commands, which a disk or a hand may damage."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

State = TypeVar("State")

logger = logging.getLogger(__name__)


def read_object(path: Path) -> dict[str, Any]:
    """The JSON object in a file.

    Raises:
        OSError: If the file cannot be read.
        ValueError: If it holds anything else.
    """
    try:
        content = json.loads(path.read_bytes())
    except RecursionError as error:
        raise ValueError("it is nested too deep") from error
    if not isinstance(content, dict):
        raise ValueError("it holds no JSON object")
    return content


def read_state(path: Path, make: Callable[[dict[str, Any]], State], lost: str) -> State | None:
    """Read a state file; a damaged one is set aside, with a warning, as if there were none.

    Args:
        path: The file.
        make: Makes the state of the JSON object in it; it may raise any error of bad content.
        lost: The consequences, for the warning, such as "it is measured again".

    Returns:
        The state, or None where there is no file or a damaged one.
    """
    try:
        return make(read_object(path))
    except FileNotFoundError:
        return None
    except (ValueError, TypeError, KeyError, AttributeError):
        aside = path.with_name(f"{path.name}.damaged")
        os.replace(path, aside)
        logger.warning("%s was damaged and is now %s: %s.", path, aside.name, lost)
        return None
