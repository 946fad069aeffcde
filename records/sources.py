"""Sources whose keys ZenML keeps."""

from __future__ import annotations

import os

from zenml.client import Client

from utils.errors import ConfigurationError
from utils.scenes.options import RoboflowSource, SourceOptions
from utils.scenes.roboflow import KEY_VARIABLE
from utils.scenes.scene import SceneSource
from utils.scenes.sources import open_source

_KEY = "api_key"


def opened_source(options: SourceOptions) -> SceneSource:
    """Open a source, with the key in the secret that its options name.

    Raises:
        ConfigurationError: If there is no such secret, or it holds no key.
        SourceError: If the source cannot be read.
    """
    if isinstance(options, RoboflowSource) and options.secret is not None:
        os.environ[KEY_VARIABLE] = _key_in(options.secret)
    return open_source(options)


def _key_in(secret: str) -> str:
    try:
        values = Client().get_secret(secret).secret_values
    except KeyError:
        values = {}
    if _KEY not in values:
        raise ConfigurationError(
            f"source.secret: ZenML has no secret '{secret}' with a value '{_KEY}'. Make it with: "
            f"zenml secret create {secret} --{_KEY}=KEY"
        )
    return values[_KEY]
