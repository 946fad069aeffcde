"""Stop the service of a model."""

from __future__ import annotations

from commands.console import say
from commands.requests import Undeploy
from commands.serving.deploy import plan_deployment
from utils.serving.clouds import undeploy_in_cloud
from utils.serving.process import stop_service


def undeploy(request: Undeploy) -> None:
    """Stop the service where the configuration says that it runs; a second call changes nothing.

    Raises:
        ConfigurationError: If the configuration is wrong.
        CloudError: If Google refuses.
    """
    configuration = plan_deployment(request.config, request.overrides).configuration
    model, _ = configuration.model
    options = configuration.parameters["deployment"]
    is_local = options.where == "local"
    stopped = stop_service(model) if is_local else undeploy_in_cloud(model, options)
    where = "on this machine" if is_local else f"on {options.where}"
    say(
        f"The service of {model} {where} is stopped."
        if stopped
        else f"No service of {model} ran {where}."
    )
