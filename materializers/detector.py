"""Detectors: weights and everything needed to use them, in one folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

from zenml.enums import ArtifactType
from zenml.materializers.base_materializer import BaseMaterializer
from zenml.metadata.metadata_types import MetadataType

from materializers.folders import download_folder, upload_folder
from utils.detection.augmentations import names_of
from utils.detection.detector import Detector
from utils.detection.exports import EXPORTS_FOLDER


class DetectorMaterializer(BaseMaterializer):
    """A detector as `Detector.save` lays it out; it loads with no training folder around."""

    ASSOCIATED_TYPES: ClassVar[tuple[type[Any], ...]] = (Detector,)
    ASSOCIATED_ARTIFACT_TYPE: ClassVar[ArtifactType] = ArtifactType.MODEL

    def load(self, data_type: type[Any]) -> Detector:
        """Download the folder, except the exported networks in it, and load it."""
        del data_type
        with self.get_temporary_directory(delete_at_exit=False) as folder:
            return Detector.load(download_folder(self.uri, Path(folder), {EXPORTS_FOLDER}))

    def save(self, data: Detector) -> None:
        """Store the folder."""
        with self.get_temporary_directory(delete_at_exit=True) as folder:
            data.save(Path(folder))
            upload_folder(Path(folder), self.uri)

    def extract_metadata(self, data: Detector) -> dict[str, MetadataType]:
        """The numbers shown beside the artifact."""
        return {
            "classes": list(data.class_names),
            "image_size": data.image_size,
            "tile_side": data.tile_side or "not known",
            "metres_per_pixel": data.ground_sample_distance or "not known",
            "recall_by_scale": data.recall_by_scale,
            "confidence": "not chosen" if data.confidence is None else data.confidence,
            "data_fingerprint": data.data_fingerprint,
            "augmentations": names_of(data.arguments.get("augmentations", [])),
            **{name: float(value) for name, value in data.metrics.items()},
        }
