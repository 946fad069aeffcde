"""The Label Studio that a run talks to: of the environment, the configuration or the stack."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

from zenml.client import Client
from zenml.enums import StackComponentType
from zenml.models import ComponentResponse
from zenml.utils.secret_utils import is_secret_reference, parse_secret_reference

from records.active_stack import active_stack
from utils.annotation.label_studio.connection import connect
from utils.annotation.label_studio.options import LabelStudioOptions, resolve_connection
from utils.errors import ConfigurationError

if TYPE_CHECKING:
    from label_studio_sdk import LabelStudio

_LOCAL_HOSTS = ("http://localhost", "http://127.0.0.1")


def connect_label_studio(
    options: LabelStudioOptions, environment: Mapping[str, str] = os.environ
) -> LabelStudio:
    """Connect to the server that the environment, the configuration or the stack names.

    The embedded server is started when it is the choice and does not run yet.

    Args:
        options: Address, token and time limit, as configured.
        environment: Environment of the process that will connect; jobs on other machines have
            nothing of this machine's.

    Raises:
        ConfigurationError: If a server is named but no token.
        LabelStudioError: If the server does not answer or refuses the token.
        ServerError: If the embedded server cannot be started.
    """
    server = resolve_connection(options, environment, annotator_credentials)
    return connect(server.url, server.api_key, timeout_s=options.timeout_s)


def annotator_credentials() -> tuple[str, str] | None:
    """Read URL and token from the annotator component of the active stack and its secret.

    ZenML's own annotator client only knows legacy tokens, so just its configuration is used.

    Returns:
        (URL, token), or None when the stack has no annotator.

    Raises:
        ConfigurationError: If the component has no token, or its secret does not exist.
    """
    components = active_stack().components.get(StackComponentType.ANNOTATOR)
    return credentials_of(components[0]) if components else None


def credentials_of(annotator: ComponentResponse) -> tuple[str, str]:
    """Read URL and token from an annotator component and its secret.

    Raises:
        ConfigurationError: If the component has no token, or its secret does not exist.
    """
    configuration = annotator.configuration
    url = str(configuration.get("instance_url", "http://localhost"))
    if port := configuration.get("port"):
        url = f"{url}:{port}"
    elif url in _LOCAL_HOSTS:
        url = f"{url}:8093"
    token = configuration.get("api_key")
    if token and is_secret_reference(token):
        return url, _token_in_secret(annotator.name, *parse_secret_reference(token))
    secret = configuration.get("authentication_secret")
    return url, str(token or _token_in_secret(annotator.name, secret))


def _token_in_secret(component: str, secret: str | None, key: str = "api_key") -> str:
    if not secret:
        raise ConfigurationError(
            f"The annotator '{component}' of the active stack has neither api_key nor "
            "authentication_secret: give it one, or set LABEL_STUDIO_URL and LABEL_STUDIO_API_KEY."
        )
    try:
        values = Client().get_secret(secret).secret_values
    except KeyError:
        raise ConfigurationError(
            f"The secret '{secret}' of the annotator '{component}' does not exist. "
            f"Make it with: zenml secret create {secret} --{key}=<token>"
        ) from None
    if key not in values:
        raise ConfigurationError(
            f"The secret '{secret}' of the annotator '{component}' has no key '{key}'."
        )
    return values[key]
