"""The MLflow that the active stack names."""

from __future__ import annotations

from zenml.client import Client

from utils.detection.options import TrackingOptions


def track_with_stack() -> TrackingOptions | None:
    """Point MLflow at the store of the stack's experiment tracker, credentials included.

    ZenML can open a run for a step by itself, but a new one each time: a training that is continued
    or found finished would leave an empty run beside its own.

    Returns:
        The options for recording there, or None when the stack has no MLflow tracker.
    """
    # Imported late: it brings MLflow, pandas and scipy, which other stacks do without.
    from zenml.integrations.mlflow.experiment_trackers import MLFlowExperimentTracker

    tracker = Client().active_stack.experiment_tracker
    if not isinstance(tracker, MLFlowExperimentTracker):
        return None
    tracker.configure_mlflow()
    return TrackingOptions()
