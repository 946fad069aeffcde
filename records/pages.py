"""The HTML pages of artifacts, as files that a browser opens."""

from __future__ import annotations

from pathlib import Path

from zenml.artifacts.utils import load_artifact_visualization
from zenml.client import Client
from zenml.enums import VisualizationType
from zenml.models import ArtifactVersionResponse


def page_of(artifact: ArtifactVersionResponse, copy_to: Path) -> Path | None:
    """Return the HTML page of an artifact as a file; None for an artifact without a page.

    Args:
        artifact: Version of an artifact.
        copy_to: File that receives the page where the artifact store is not on this machine.
    """
    for index, shown in enumerate(artifact.visualizations or []):
        if shown.type != VisualizationType.HTML:
            continue
        if (there := Path(shown.uri)).is_file():
            return there
        loaded = load_artifact_visualization(artifact, index, Client().zen_store)
        copy_to.write_text(str(loaded.value), encoding="utf-8")
        return copy_to
    return None
