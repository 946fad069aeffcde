"""The server of the FiftyOne App behind a gate: `python -m utils.curation.serve <port>`.

By itself it would serve any file of the user at `/media?filepath=...`. Behind the gate it serves
only the images of its datasets, and files in FiftyOne's own folder of datasets.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path
from urllib.parse import parse_qs

from utils.gate import Application, Receive, Scope, Send, refuse, serve

_MEDIA = "/media"


def only_known_media(application: Application, is_known: Callable[[str], bool]) -> Application:
    """Wrap the App's server so that it serves no file outside its datasets.

    Args:
        application: The server.
        is_known: Tells whether a path may be read; called in a thread.
    """
    import anyio

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"].rstrip("/") == _MEDIA:
            wanted = parse_qs(scope["query_string"].decode("latin-1")).get("filepath", [])
            for path in wanted:
                if not await anyio.to_thread.run_sync(is_known, path):
                    await refuse(scope, send, HTTPStatus.NOT_FOUND, b"Not found", [])
                    return
        await application(scope, receive, send)

    return answer


def belongs_to_a_dataset(path: str) -> bool:
    """Whether a path is an image of a dataset, or below FiftyOne's folder of datasets."""
    import fiftyone as fo
    from fiftyone.core.odm import get_db_conn

    if Path(path).resolve().is_relative_to(Path(fo.config.default_dataset_dir).resolve()):
        return True
    database = get_db_conn()
    for dataset in database.datasets.find({}, {"sample_collection_name": 1, "app_config": 1}):
        fields = {"filepath", *dataset.get("app_config", {}).get("media_fields", ())}
        samples = database[dataset["sample_collection_name"]]
        if samples.find_one({"$or": [{field: path} for field in sorted(fields)]}, {"_id": 1}):
            return True
    return False


def main(port: int) -> None:
    """Serve the App on a port of this machine until the process ends."""
    os.environ["FIFTYONE_SERVER"] = "1"
    _give_way_to_plugins()
    from fiftyone.server.app import app
    from fiftyone.server.events import set_port

    set_port(port)
    serve(only_known_media(app, belongs_to_a_dataset), port)


def _give_way_to_plugins() -> None:
    """Hide Spyglass' modules, since the user's plugins may bring others of the same names."""
    root = str(Path(__file__).resolve().parents[2])
    sys.path[:] = [place for place in sys.path if place != root]
    for name in [name for name in sys.modules if name.partition(".")[0] == "utils"]:
        del sys.modules[name]


if __name__ == "__main__":
    main(int(sys.argv[1]))
