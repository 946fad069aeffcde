"""Pages beside artifacts, as the dashboard shows them."""

from __future__ import annotations

from zenml.enums import VisualizationType
from zenml.io import fileio


def store_page(uri: str, name: str, html: str) -> dict[str, VisualizationType]:
    """Write a page beside an artifact.

    Args:
        uri: The artifact's folder.
        name: File name of the page.
        html: The page, self-contained.

    Returns:
        What `save_visualizations` returns: the page's URI and kind.
    """
    path = f"{uri}/{name}"
    with fileio.open(path, "w") as stream:
        stream.write(html)
    return {path: VisualizationType.HTML}
