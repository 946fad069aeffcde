"""Issue reports as JSON, shown as a table."""

from __future__ import annotations

import json
from typing import Any, ClassVar

from zenml.enums import ArtifactType, VisualizationType
from zenml.io import fileio
from zenml.materializers.base_materializer import BaseMaterializer
from zenml.metadata.metadata_types import MetadataType

from materializers.pages import store_page
from utils.errors import DatasetError
from utils.issues import Issue, IssueReport

_FILE = "issues.json"
_SHOWN = 3


class IssueReportMaterializer(BaseMaterializer):
    """Items that were set aside, and why."""

    ASSOCIATED_TYPES: ClassVar[tuple[type[Any], ...]] = (IssueReport,)
    ASSOCIATED_ARTIFACT_TYPE: ClassVar[ArtifactType] = ArtifactType.DATA_ANALYSIS

    def load(self, data_type: type[Any]) -> IssueReport:
        """Read the report.

        Raises:
            DatasetError: If it is damaged.
        """
        del data_type
        try:
            with fileio.open(f"{self.uri}/{_FILE}", "r") as stream:
                return IssueReport([Issue(**row) for row in json.load(stream)])
        except (ValueError, TypeError, RecursionError):
            raise DatasetError(
                f"The issue report {self.uri}/{_FILE} is damaged. "
                "Make it again with the command that made it."
            ) from None

    def save(self, data: IssueReport) -> None:
        """Write the report."""
        with fileio.open(f"{self.uri}/{_FILE}", "w") as stream:
            json.dump(data.to_rows(), stream)

    def save_visualizations(self, data: IssueReport) -> dict[str, VisualizationType]:
        """Make the page."""
        from utils.reports.issues_page import issues_page

        return store_page(self.uri, "issues.html", issues_page(data))

    def extract_metadata(self, data: IssueReport) -> dict[str, MetadataType]:
        """The number of issues of each kind, and the first issues, one a kind if possible."""
        return {"issues": len(data), "kinds": data.counts(), "first": data.examples(_SHOWN)}
