"""Materializers: how each noun is stored as an artifact and shown in the dashboard."""

from materializers.bundle import BundleMaterializer
from materializers.detector import DetectorMaterializer
from materializers.evaluation import EvaluationMaterializer
from materializers.issues import IssueReportMaterializer
from materializers.monitoring import MonitoringMaterializer
from materializers.packed import PackedEvaluationMaterializer
from materializers.plain import PlainMaterializer
from materializers.promotion import PromotionMaterializer
from materializers.tables import (
    CountsMaterializer,
    LabeledDatasetMaterializer,
    PickedTilesMaterializer,
    PredictionsMaterializer,
    SurveyMaterializer,
    TileManifestMaterializer,
)
from materializers.viewer import ViewerMaterializer

__all__ = [
    "BundleMaterializer",
    "CountsMaterializer",
    "DetectorMaterializer",
    "EvaluationMaterializer",
    "IssueReportMaterializer",
    "LabeledDatasetMaterializer",
    "MonitoringMaterializer",
    "PackedEvaluationMaterializer",
    "PickedTilesMaterializer",
    "PlainMaterializer",
    "PredictionsMaterializer",
    "PromotionMaterializer",
    "SurveyMaterializer",
    "TileManifestMaterializer",
    "ViewerMaterializer",
]
