"""The service that a pipeline asks: the one that runs on this machine, or one by its address."""

from __future__ import annotations

import os

from utils.errors import ConfigurationError, ServiceError
from utils.serving.client import Client
from utils.serving.running import running_service, running_services

TOKEN_VARIABLE = "SPYGLASS_SERVICE_TOKEN"  # noqa: S105 (the name of a variable)


def connect_service(model: str, url: str | None = None) -> Client:
    """A client of a service that answers, with its token.

    Args:
        model: Name of the model that the service has.
        url: Address of the service; by default that of the model's service on this machine.

    Raises:
        ConfigurationError: If the address is none.
        ServiceError: If no service of the model runs on this machine, or it does not answer.
    """
    client = _client(model, url)
    try:
        # At once, while a run waits for a service that is started again.
        Client(client.url, client.token, attempts=1).model()
    except ServiceError as error:
        raise ServiceError(
            f"{error} Correct its address or token, or see what runs with: python run.py --status",
            error.status,
        ) from None
    return client


def _client(model: str, url: str | None) -> Client:
    if url is not None:
        try:
            return Client(url, os.environ.get(TOKEN_VARIABLE) or _token_of(url))
        except ValueError as error:
            raise ConfigurationError(f"The service's address: {error}.") from None
    service = running_service(model)
    if service is None:
        raise ServiceError(
            f"No service of '{model}' runs on this machine. Start one with: python run.py --deploy"
        )
    return service.client()


def _token_of(url: str) -> str | None:
    """The token of a service of this machine, which its owner need not repeat."""
    own = (service for service in running_services() if service.url == url.rstrip("/"))
    return next((service.token for service in own), None)
