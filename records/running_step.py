"""The running step: figures beside its outputs, a folder for them, stores beside its inputs."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from zenml import get_step_context, log_metadata

from utils.detection.exports import EXPORTS_FOLDER
from utils.storage.objects import GCS_SCHEME, ObjectStore, is_local
from utils.storage.store import open_store


def log_figures(figures: Mapping[str, Any], artifact: str | None = None) -> None:
    """Attach figures to an output of the running step, for the dashboard and `run.py`.

    Args:
        figures: Numbers, texts and mappings of these, by name.
        artifact: Name of the output; may be left out when the step has only one.
    """
    log_metadata(metadata=dict(figures), artifact_name=artifact, infer_artifact=True)


def scratch_folder() -> Path:
    """Make a folder that is removed when the outputs of the running step are stored."""
    folder = mkdtemp(prefix="spyglass-")
    # The registry that ZenML's materializers use for their own folders; it has no public door.
    get_step_context()._cleanup_registry.register_callback(
        lambda: shutil.rmtree(folder, ignore_errors=True)
    )
    return Path(folder)


def exports_store(detector: str) -> ObjectStore | None:
    """Open the folder for exported networks in the artifact of a detector.

    The next run on the same detector finds the exported network there and need not export again.

    Args:
        detector: Name of the input of the running step.

    Returns:
        The store, or None where the artifact store is of a kind that Spyglass does not write to.
    """
    (artifact,) = get_step_context().inputs[detector]
    is_supported = is_local(artifact.uri) or artifact.uri.startswith(GCS_SCHEME)
    return open_store(f"{artifact.uri}/{EXPORTS_FOLDER}") if is_supported else None
