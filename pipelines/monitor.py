"""Monitoring: predictions out there, compared with those on the test split."""

from __future__ import annotations

from zenml import pipeline

from steps.monitor_predictions import monitor_predictions
from utils.monitoring.options import MonitoringOptions


@pipeline
def monitor_pipeline(monitoring: MonitoringOptions = MonitoringOptions()) -> None:
    """Look at what the service and the inferences of the model have noted on this machine.

    Args:
        monitoring: Period, rule of drift, and alarms.
    """
    monitor_predictions(monitoring)
