"""Bundles of model versions: whether one is packed, and whether it may be deployed."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from zenml import log_metadata
from zenml.models import ArtifactVersionResponse, ModelVersionResponse

from records.model_versions import moment_now, note_on, version_in
from utils.errors import BundleError
from utils.monitoring.notes import Note
from utils.monitoring.outliers import OutlierReference
from utils.monitoring.tables import NoteTable
from utils.serving.bundle import Bundle

BUNDLE = "bundle"
PACKED_EVALUATION = "packed_evaluation"
_DEPLOYED = "deployed"

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PackedVersion:
    """A bundle of a model version, and the verdict on it.

    Attributes:
        bundle: The bundle.
        digest: Its identity.
        evaluation: Its evaluation as packed, or None where that was not made yet.
    """

    bundle: ArtifactVersionResponse
    digest: str
    evaluation: ArtifactVersionResponse | None

    @property
    def is_deployable(self) -> bool:
        """Whether it was evaluated as packed, and scores as its detector does."""
        return self.evaluation is not None and bool(self.evaluation.run_metadata["deployable"])

    @property
    def verdict(self) -> str:
        """The verdict in a sentence; empty where there is none yet."""
        return "" if self.evaluation is None else str(self.evaluation.run_metadata["verdict"])


def packed_version(version: ModelVersionResponse) -> PackedVersion | None:
    """Find the newest bundle of a model version; None where none is packed."""
    bundle = version.get_artifact(BUNDLE)
    if bundle is None:
        return None
    digest = str(bundle.run_metadata.get("digest", ""))
    evaluation = version.get_artifact(PACKED_EVALUATION)
    if evaluation is not None and evaluation.run_metadata.get("bundle") != digest:
        evaluation = None  # of an earlier bundle of the version
    return PackedVersion(bundle, digest, evaluation)


def reference_notes(version: ModelVersionResponse | None) -> Sequence[Note]:
    """Load the notes of the test split in the bundle of a version; none where it is not packed."""
    bundle = _loaded(version)
    if bundle is None or not bundle.reference.is_file():
        return ()
    return list(NoteTable(bundle.reference))


def outlier_reference(
    version: ModelVersionResponse | None, image_size: int
) -> OutlierReference | None:
    """Load the features of the training set in the bundle of a version.

    None where it is not packed, or at another image size, since the features would be others. A
    bundle that is damaged is told; it stops no prediction.
    """
    try:
        bundle = _loaded(version)
    except BundleError as error:
        logger.warning("Windows get no outlier score: %s", error)
        return None
    if bundle is None or bundle.image_size != image_size:
        return None
    return bundle.load_outliers()


def _loaded(version: ModelVersionResponse | None) -> Bundle | None:
    import materializers  # noqa: F401  (tells ZenML how to load a bundle)

    packed = None if version is None else packed_version(version)
    return None if packed is None else packed.bundle.load()


def is_in_production(model: str, version: str) -> bool:
    """Whether a version is the one in production."""
    found = version_in(model, "production")
    return found is not None and str(found.number) == version


def note_deployment(model: str, version: str, where: str, address: str) -> None:
    """Note on a model version where it answers since when."""
    noted = {"where": where, "address": address, "at": moment_now()}
    note_on(model, version, _DEPLOYED, noted)


def note_verdict(bundle: ArtifactVersionResponse, *, deployable: bool, verdict: str) -> None:
    """Note on a bundle whether it may be deployed, where the dashboard shows it."""
    noted: dict[str, Any] = {"deployable": deployable, "verdict": verdict}
    log_metadata(metadata=noted, artifact_version_id=bundle.id)
