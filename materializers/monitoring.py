"""Looks at noted predictions: numbers as JSON, shown as a page."""

from __future__ import annotations

from typing import Any, ClassVar

from zenml.enums import ArtifactType, VisualizationType
from zenml.metadata.metadata_types import MetadataType

from materializers.folders import FolderMaterializer
from materializers.pages import store_page
from utils.monitoring.monitoring import Monitoring

_PAGE = "monitoring.html"


class MonitoringMaterializer(FolderMaterializer):
    """One look at the notes of a model."""

    ASSOCIATED_TYPES: ClassVar[tuple[type[Any], ...]] = (Monitoring,)
    ASSOCIATED_ARTIFACT_TYPE: ClassVar[ArtifactType] = ArtifactType.DATA_ANALYSIS
    NOT_LOADED: ClassVar[frozenset[str]] = frozenset({_PAGE})

    def save_visualizations(self, data: Monitoring) -> dict[str, VisualizationType]:
        """Make the page; the numbers are there as JSON, too."""
        from utils.reports.monitoring_page import monitoring_page

        page = store_page(self.uri, _PAGE, monitoring_page(data))
        return page | {f"{self.uri}/monitoring.json": VisualizationType.JSON}

    def extract_metadata(self, data: Monitoring) -> dict[str, MetadataType]:
        """The numbers shown beside the artifact."""
        return {
            "windows": sum(version.windows for version in data.versions),
            "versions": ", ".join(version.name for version in data.versions),
            "alarms": len(data.alarms),
            "alarming": [f"{alarm.version}: {alarm.sentence}" for alarm in data.alarms],
            "verdicts": [f"{one.name}: {one.verdict.sentence}" for one in data.versions],
            "losses": data.losses,
            "drifted": data.drifted,
            "page": f"{self.uri}/{_PAGE}",
        }
