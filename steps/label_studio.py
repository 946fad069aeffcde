"""The Label Studio that a run talks to."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from steps.annotator import annotator_credentials
from utils.annotation.connection import connect
from utils.annotation.options import LabelStudioOptions, resolve_connection

if TYPE_CHECKING:
    from label_studio_sdk import LabelStudio


def connect_label_studio(options: LabelStudioOptions) -> LabelStudio:
    """Connect to the server that the environment, the configuration or the stack names.

    The embedded server is started when it is the choice and does not run yet.

    Raises:
        ConfigurationError: If a server is named but no token.
        LabelStudioError: If the server does not answer or refuses the token.
        ServerError: If the embedded server cannot be started.
    """
    server = resolve_connection(options, os.environ, annotator_credentials)
    return connect(server.url, server.api_key, timeout_s=options.timeout_s)
