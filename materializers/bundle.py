"""Bundles: folders that are bentos too, shown by their model card."""

from __future__ import annotations

from typing import Any, ClassVar

from zenml.enums import ArtifactType, VisualizationType
from zenml.metadata.metadata_types import MetadataType

from materializers.folders import FolderMaterializer
from materializers.pages import store_page
from utils.serving.bundle import Bundle

_PAGE = "model_card.html"


class BundleMaterializer(FolderMaterializer):
    """A bundle as it was packed; a file that was changed since is refused when it is loaded."""

    ASSOCIATED_TYPES: ClassVar[tuple[type[Any], ...]] = (Bundle,)
    ASSOCIATED_ARTIFACT_TYPE: ClassVar[ArtifactType] = ArtifactType.MODEL
    NOT_LOADED: ClassVar[frozenset[str]] = frozenset({_PAGE})

    def save_visualizations(self, data: Bundle) -> dict[str, VisualizationType]:
        """Show the model card."""
        card = (data.folder / "card.html").read_text(encoding="utf-8")
        return store_page(self.uri, _PAGE, card)

    def extract_metadata(self, data: Bundle) -> dict[str, MetadataType]:
        """The identity of the bundle, and what it is."""
        files = [file for file in data.root.rglob("*") if file.is_file()]
        return {
            "model": data.model,
            "version": data.version,
            "digest": data.digest,
            "kind": data.kind.value,
            "classes": list(data.class_names),
            "megabytes": round(sum(file.stat().st_size for file in files) / 1e6, 1),
            "confidence": data.settings.confidence,
            "bundle_folder": self.uri,
            "page": f"{self.uri}/{_PAGE}",
            **dict(data.evaluation),
        }
