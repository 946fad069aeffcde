"""Detectors: weights and everything needed to use them, in one folder."""

from __future__ import annotations

from typing import Any, ClassVar

from zenml.enums import ArtifactType
from zenml.metadata.metadata_types import MetadataType

from materializers.folders import FolderMaterializer
from utils.detection.augmentations import names_of
from utils.detection.detector import Detector
from utils.detection.exports import EXPORTS_FOLDER


class DetectorMaterializer(FolderMaterializer):
    """A detector as `Detector.save` lays it out; it loads with no training folder around."""

    ASSOCIATED_TYPES: ClassVar[tuple[type[Any], ...]] = (Detector,)
    ASSOCIATED_ARTIFACT_TYPE: ClassVar[ArtifactType] = ArtifactType.MODEL
    # Exported networks are hundreds of megabytes, and each step fetches only the one it runs.
    NOT_LOADED: ClassVar[frozenset[str]] = frozenset({EXPORTS_FOLDER})

    def extract_metadata(self, data: Detector) -> dict[str, MetadataType]:
        """The numbers shown beside the artifact."""
        return {
            "kind": data.kind.value,
            "classes": list(data.class_names),
            "image_size": data.image_size,
            "tile_side": data.tile_side or "not known",
            "metres_per_pixel": data.ground_sample_distance or "not known",
            "recall_by_scale": data.recall_by_scale,
            "confidence": "not chosen" if data.confidence is None else data.confidence,
            "threshold": data.threshold(),
            "weak": data.confidence_doubt,
            "data_fingerprint": data.data_fingerprint,
            "run_fingerprint": data.run_fingerprint,
            "seconds": data.seconds,
            "augmentations": names_of(data.arguments.get("augmentations", [])),
            **{name: float(value) for name, value in data.metrics.items()},
        }
