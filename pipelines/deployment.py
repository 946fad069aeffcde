"""Deployment: the detector in production is packed, proved as packed, and deployed."""

from __future__ import annotations

from zenml import pipeline

from records.artifacts import kept_with_model_version, newest_of_model, of_model_version
from records.bundles import BUNDLE, PACKED_EVALUATION
from steps.decide_deployment import decide_deployment
from steps.deploy_bundle import deploy_bundle
from steps.evaluate_packed import evaluate_packed
from steps.package_detector import package_detector
from utils.detection.options import InferenceOptions
from utils.evaluation.options import EvaluationOptions
from utils.serving.options import DeploymentOptions, PackageOptions


@pipeline
def deployment_pipeline(
    package: PackageOptions = PackageOptions(),
    inference: InferenceOptions = InferenceOptions(),
    evaluation: EvaluationOptions = EvaluationOptions(),
    deployment: DeploymentOptions = DeploymentOptions(),
) -> None:
    """Pack a version of the model, evaluate the bundle over HTTP, and deploy it if it passes.

    A bundle that the version has is not packed again.

    Args:
        package: Purpose and licences, for the model card; by default as in `package.yaml`.
        inference: Windows, confidence and merging of the service; by default as in `package.yaml`.
        evaluation: Options of the evaluation, as for the detector's own.
        deployment: Place of the service, and how it is reached.
    """
    detector, splits = of_model_version("trained_detector"), of_model_version("splits")
    labels, recorded = of_model_version("checked_dataset"), of_model_version("evaluation")
    bundle = kept_with_model_version(BUNDLE) or package_detector(
        detector, labels, splits, recorded, package, inference
    )
    before = newest_of_model(PACKED_EVALUATION)
    packed = evaluate_packed(bundle, detector, labels, splits, recorded, before, evaluation)
    deploy_bundle(bundle, decide_deployment(packed), deployment)
