"""Evaluations: numbers as JSON, shown as a page."""

from __future__ import annotations

from typing import Any, ClassVar

from zenml.enums import ArtifactType, VisualizationType
from zenml.metadata.metadata_types import MetadataType

from materializers.folders import FolderMaterializer
from materializers.pages import store_page
from utils.detection.detector import reached_by, readable_score
from utils.evaluation.evaluation import Evaluation
from utils.evaluation.scores import Scores, is_concentrated


def _threshold(scores: Scores) -> str:
    """The minimum score, with the shapes that reach it; none is chosen for classes of images."""
    if not scores.kind.has_places:
        return ""
    reached = reached_by(scores.found_boxes, scores.faint_boxes, scores.kind)
    return f"{readable_score(scores.confidence)}; {reached} on these tiles"


class EvaluationMaterializer(FolderMaterializer):
    """Scores of a detector on tiles it has never seen."""

    ASSOCIATED_TYPES: ClassVar[tuple[type[Any], ...]] = (Evaluation,)
    ASSOCIATED_ARTIFACT_TYPE: ClassVar[ArtifactType] = ArtifactType.DATA_ANALYSIS

    def save_visualizations(self, data: Evaluation) -> dict[str, VisualizationType]:
        """Make the page; the numbers are there as JSON, too."""
        from utils.reports.evaluation_page import evaluation_page

        page = store_page(self.uri, "evaluation.html", evaluation_page(data))
        return page | {f"{self.uri}/evaluation.json": VisualizationType.JSON}

    def extract_metadata(self, data: Evaluation) -> dict[str, MetadataType]:
        """The numbers shown beside the artifact."""
        metrics: dict[str, MetadataType] = dict(data.metrics)
        scores = data.tile_scores
        intervals = scores.metrics
        return metrics | {
            "milliseconds_per_tile": data.milliseconds,
            "best_confidence": data.tile_scores.best_confidence,
            "threshold": _threshold(scores),
            "groups": data.tile_scores.groups,
            "effective_groups": data.tile_scores.effective_groups,
            "is_concentrated": is_concentrated(data.tile_scores),
            **{f"{name} interval": metric.interval or "none" for name, metric in intervals.items()},
            "page": f"{self.uri}/evaluation.html",
        }
