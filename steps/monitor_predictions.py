"""Look at what is noted of the predictions out there."""

from __future__ import annotations

from typing import Annotated

from zenml import get_step_context, step

from records.monitored import predicted_scenes, references_for, reviewed_labels
from records.running_step import log_figures, scratch_folder
from utils.monitoring.monitoring import Monitoring
from utils.monitoring.options import MonitoringOptions
from utils.serving.monitored import Monitored


@step(enable_cache=False)
def monitor_predictions(monitoring: MonitoringOptions) -> Annotated[Monitoring, "monitoring"]:
    """Compare the noted predictions of each version with its test split."""
    model = get_step_context().model.name
    monitored = Monitored(model, monitoring, references_for(model))
    found = monitored.look(reviewed_labels(model), predicted_scenes(model), scratch_folder())
    told = monitored.tell(found)
    log_figures({"told_by": " and ".join(told.told), "not_told": " ".join(told.failures)})
    return found
