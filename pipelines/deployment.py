"""Deployment: the detector in production is packed, proved as packed, and deployed."""

from __future__ import annotations

from zenml import pipeline

from records.artifacts import kept_with_model_version, newest_of_model, of_model_version
from steps.decide_deployment import decide_deployment
from steps.deploy_bundle import deploy_bundle
from steps.evaluate_packed import evaluate_packed
from steps.package_detector import package_detector
from utils.detection.options import InferenceOptions
from utils.evaluation.options import EvaluationOptions
from utils.serving.options import DeploymentOptions


@pipeline
def deployment_pipeline(
    inference: InferenceOptions = InferenceOptions(),
    evaluation: EvaluationOptions = EvaluationOptions(),
    deployment: DeploymentOptions = DeploymentOptions(),
) -> None:
    """Pack a version of the model, evaluate the bundle over HTTP, and deploy it if it passes.

    Args:
        inference: Windows, confidence and merging that the bundle predicts with.
        evaluation: Options of the evaluation, as for the detector's own.
        deployment: Where the service runs and how it is reached.
    """
    detector, splits = of_model_version("trained_detector"), of_model_version("splits")
    # A detector that was trained elsewhere is evaluated on the newest labels.
    checked = kept_with_model_version("checked_dataset")
    labels = checked or newest_of_model("labeled_dataset")
    recorded = kept_with_model_version("evaluation")
    bundle = package_detector(detector, labels, splits, inference)
    packed = evaluate_packed(
        bundle, detector, labels, splits, recorded, newest_of_model("packed_evaluation"), evaluation
    )
    deploy_bundle(bundle, decide_deployment(packed), deployment)
