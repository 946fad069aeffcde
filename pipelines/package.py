"""Packaging: a version of the model becomes a bundle that can be served anywhere."""

from __future__ import annotations

from zenml import pipeline

from records.artifacts import of_model_version
from steps.package_detector import package_detector
from utils.detection.options import InferenceOptions
from utils.serving.options import PackageOptions


@pipeline
def package_pipeline(
    version: int | None = None,
    package: PackageOptions = PackageOptions(),
    inference: InferenceOptions = InferenceOptions(),
) -> None:
    """Pack the detector in production with its settings, test image, model card and code.

    Args:
        version: Number of the version to pack, instead of the one that `model` names.
        package: Purpose and licences, for the model card.
        inference: Windows, confidence and merging of the service's predictions.
    """
    del version  # the command has chosen it
    package_detector(
        of_model_version("trained_detector"),
        of_model_version("checked_dataset"),
        of_model_version("splits"),
        of_model_version("evaluation"),
        package,
        inference,
    )
