"""The Label Studio that a run talks to."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

from records.annotator import annotator_credentials
from utils.annotation.label_studio.connection import connect
from utils.annotation.label_studio.options import LabelStudioOptions, resolve_connection

if TYPE_CHECKING:
    from label_studio_sdk import LabelStudio


def connect_label_studio(
    options: LabelStudioOptions, environment: Mapping[str, str] = os.environ
) -> LabelStudio:
    """Connect to the server that the environment, the configuration or the stack names.

    The embedded server is started when it is the choice and does not run yet.

    Args:
        options: As configured.
        environment: That of those who will connect; jobs elsewhere have none of this machine's.

    Raises:
        ConfigurationError: If a server is named but no token.
        LabelStudioError: If the server does not answer or refuses the token.
        ServerError: If the embedded server cannot be started.
    """
    server = resolve_connection(options, environment, annotator_credentials)
    return connect(server.url, server.api_key, timeout_s=options.timeout_s)
