"""Evaluations of bundles: numbers as JSON, shown as a page."""

from __future__ import annotations

from typing import Any, ClassVar

from zenml.enums import ArtifactType, VisualizationType
from zenml.metadata.metadata_types import MetadataType

from materializers.folders import FolderMaterializer
from materializers.pages import store_page
from utils.evaluation.packed import PackedEvaluation


class PackedEvaluationMaterializer(FolderMaterializer):
    """Scores of a bundle as it is packed, and whether it may be deployed."""

    ASSOCIATED_TYPES: ClassVar[tuple[type[Any], ...]] = (PackedEvaluation,)
    ASSOCIATED_ARTIFACT_TYPE: ClassVar[ArtifactType] = ArtifactType.DATA_ANALYSIS

    def save_visualizations(self, data: PackedEvaluation) -> dict[str, VisualizationType]:
        """Make the page; the numbers are there as JSON, too."""
        from utils.reports.packed_page import packed_page

        page = store_page(self.uri, "packed.html", packed_page(data))
        return page | {f"{self.uri}/packed.json": VisualizationType.JSON}

    def extract_metadata(self, data: PackedEvaluation) -> dict[str, MetadataType]:
        """The verdict, and the scores beside those of the detector."""
        # Names of classes may hold what ZenML takes in no key.
        scores: dict[str, MetadataType] = dict(data.evaluation.metrics)
        return scores | {
            "deployable": data.passes,
            "verdict": data.verdict,
            "bundle": data.digest,
            "tiles": data.evaluation.tiles_fingerprint,
            "page": f"{self.uri}/packed.html",
        }
