"""Numbers beside the artifacts of a step, as the dashboard and `run.py` show them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from zenml import log_metadata


def log_figures(figures: Mapping[str, Any], artifact: str | None = None) -> None:
    """Attach figures to an output of the running step.

    Args:
        figures: Numbers, texts and mappings of these, by name.
        artifact: Name of the output; may be left out when the step has only one.
    """
    log_metadata(metadata=dict(figures), artifact_name=artifact, infer_artifact=True)
