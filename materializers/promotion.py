"""Comparisons of two detectors: numbers as JSON, shown as a page."""

from __future__ import annotations

import json
from typing import Any, ClassVar

from zenml.enums import ArtifactType, VisualizationType
from zenml.io import fileio
from zenml.materializers.base_materializer import BaseMaterializer
from zenml.metadata.metadata_types import MetadataType

from materializers.pages import store_page
from utils.evaluation.comparison import Comparison


class ComparisonMaterializer(BaseMaterializer):
    """A challenger beside a champion, and the decision."""

    ASSOCIATED_TYPES: ClassVar[tuple[type[Any], ...]] = (Comparison,)
    ASSOCIATED_ARTIFACT_TYPE: ClassVar[ArtifactType] = ArtifactType.DATA_ANALYSIS

    def load(self, data_type: type[Any]) -> Comparison:
        """Read the numbers."""
        del data_type
        with fileio.open(self._path, "r") as stream:
            return Comparison.from_card(json.load(stream))

    def save(self, data: Comparison) -> None:
        """Write the numbers."""
        with fileio.open(self._path, "w") as stream:
            stream.write(json.dumps(data.card(), indent=2))

    def save_visualizations(self, data: Comparison) -> dict[str, VisualizationType]:
        """Make the page; the numbers are there as JSON, too."""
        from utils.reports.comparison_page import comparison_page

        page = store_page(self.uri, "promotion.html", comparison_page(data))
        return page | {self._path: VisualizationType.JSON}

    def extract_metadata(self, data: Comparison) -> dict[str, MetadataType]:
        """The decision."""
        return {
            "promotes": data.promotes,
            "verdict": data.verdict,
            "difference": data.difference.value,
            "share_better": data.share_better,
            "page": f"{self.uri}/promotion.html",
        }

    @property
    def _path(self) -> str:
        return f"{self.uri}/promotion.json"
