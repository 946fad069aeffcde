"""Find the running service of the model."""

from __future__ import annotations

from typing import Annotated

from zenml import get_step_context, step

from records.running_step import log_figures
from utils.serving.connection import connect_service
from utils.serving.options import PredictionOptions


@step(enable_cache=False)
def find_service(prediction: PredictionOptions) -> Annotated[dict[str, str], "service"]:
    """Find the service and the version that it answers with; its token is stored nowhere."""
    client = connect_service(get_step_context().model.name, prediction.service)
    told = client.model()
    facts = {name: str(told[name]) for name in ("model", "version", "digest")}
    log_figures({"url": client.url, **facts})
    return {"url": client.url, **facts}
