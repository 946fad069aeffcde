"""Viewers: folders that a browser opens as they are, from the artifact store or a copy of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

from zenml.enums import ArtifactType
from zenml.materializers.base_materializer import BaseMaterializer
from zenml.metadata.metadata_types import MetadataType, Uri

from materializers.folders import download_folder, upload_folder
from utils.reports.viewer import INDEX, SCENES, Viewer


class ViewerMaterializer(BaseMaterializer):
    """Scenes to zoom into; a local artifact store holds a page that opens in a browser."""

    ASSOCIATED_TYPES: ClassVar[tuple[type[Any], ...]] = (Viewer,)
    ASSOCIATED_ARTIFACT_TYPE: ClassVar[ArtifactType] = ArtifactType.DATA_ANALYSIS

    def load(self, data_type: type[Any]) -> Viewer:
        """Fetch the folder."""
        del data_type
        with self.get_temporary_directory(delete_at_exit=False) as folder:
            copy = download_folder(self.uri, Path(folder))
        scenes = copy / SCENES
        return Viewer(copy, len(list(scenes.iterdir())) if scenes.is_dir() else 0)

    def save(self, data: Viewer) -> None:
        """Store the folder."""
        upload_folder(data.folder, self.uri)

    def extract_metadata(self, data: Viewer) -> dict[str, MetadataType]:
        """Address of the page, if there is something on it."""
        page: dict[str, MetadataType] = {"viewer": Uri(f"{self.uri}/{INDEX}")}
        return {"scenes": data.scenes} | (page if data.scenes else {})
