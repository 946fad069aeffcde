"""ZenML's store: its address, and whether it answers."""

from __future__ import annotations

import json

from zenml.client import Client
from zenml.config.global_config import GlobalConfiguration

from utils.errors import SpyglassError
from utils.files import write_whole
from utils.paths import local_folder

_TIMEOUT_S = 10


def store_url() -> str:
    """Return the address of ZenML's store: an SQLite file of this machine, or a server."""
    return str(Client().zen_store.url)


def note_store() -> None:
    """Note the store of a run, so that the dashboard opens on it."""
    store = {
        "url": store_url(),
        "stores": GlobalConfiguration().local_stores_path,
        "project": Client().active_project.name,
    }
    write_whole(local_folder("dashboard") / "store.json", json.dumps(store))


def require_zenml() -> None:
    """Ask the ZenML server once, where there is one: ZenML itself would try for half a minute.

    Raises:
        SpyglassError: If it does not answer.
    """
    # From the configuration, since a client would connect, and that is what takes so long.
    url = GlobalConfiguration().store_configuration.url
    if not url.startswith(("http://", "https://")):
        return
    import requests

    try:
        requests.get(f"{url}/health", timeout=_TIMEOUT_S).raise_for_status()
    except requests.RequestException as error:
        raise SpyglassError(
            f"The ZenML server {url} does not answer ({_reason(error)}). Check the network, start "
            "the server, or log in to another one with: zenml login <url>"
        ) from error


def _reason(error: Exception) -> str:
    """Return the system's own words, which the libraries in between wrap many times."""
    innermost: BaseException = error
    while inner := innermost.__cause__ or innermost.__context__:
        innermost = inner
    return str(getattr(innermost, "strerror", None) or innermost)
