"""Promotions: the decision as JSON and both evaluations, shown as one page."""

from __future__ import annotations

from typing import Any, ClassVar

from zenml.enums import ArtifactType, VisualizationType
from zenml.metadata.metadata_types import MetadataType

from materializers.folders import FolderMaterializer
from materializers.pages import store_page
from utils.evaluation.promotion import Promotion


class PromotionMaterializer(FolderMaterializer):
    """A challenger beside a champion, the decision, and what it rests on."""

    ASSOCIATED_TYPES: ClassVar[tuple[type[Any], ...]] = (Promotion,)
    ASSOCIATED_ARTIFACT_TYPE: ClassVar[ArtifactType] = ArtifactType.DATA_ANALYSIS

    def save_visualizations(self, data: Promotion) -> dict[str, VisualizationType]:
        """Make the page; the decision is there as JSON, too."""
        from utils.reports.comparison_page import comparison_page

        page = store_page(self.uri, "promotion.html", comparison_page(data))
        return page | {f"{self.uri}/promotion.json": VisualizationType.JSON}

    def extract_metadata(self, data: Promotion) -> dict[str, MetadataType]:
        """The decision."""
        decision = data.comparison
        return {
            "promotes": decision.promotes,
            "verdict": decision.verdict,
            "difference": decision.difference.value,
            "share_better": decision.share_better,
            "page": f"{self.uri}/promotion.html",
        }
