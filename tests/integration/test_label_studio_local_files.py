"""A Label Studio of one's own: whether it shows a local folder is known before a tile is cut."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.builders import write_image
from tests.fixtures.user import User
from utils.annotation.label_studio.connection import ask, connect
from utils.annotation.label_studio.images import check_storage, connect_storage
from utils.annotation.label_studio.installation import (
    DATABASE,
    label_studio_program,
    private_environment,
    provide_database,
)
from utils.annotation.label_studio.options import LabelStudioOptions
from utils.annotation.label_studio.project import open_project
from utils.errors import ConfigurationError, LabelStudioError
from utils.ports import free_port
from utils.processes import start_server, stop_server

TOKEN = "a" * 40
Start = Callable[[dict[str, str]], str]


@pytest.fixture(scope="module")
def start_own(tmp_path_factory: pytest.TempPathFactory, local_state: Path) -> Iterator[Start]:
    """Starts a Label Studio with some settings, again where it runs; returns its address."""
    folder = tmp_path_factory.mktemp("own")
    provide_database(folder)
    port = free_port()
    url = f"http://127.0.0.1:{port}"

    def is_ready() -> bool:
        try:
            connect(url, TOKEN)
        except LabelStudioError:
            return False
        return True

    def start(settings: dict[str, str]) -> str:
        stop_server("own", folder)
        where = {
            "LABEL_STUDIO_DATABASE_NAME": str(folder / DATABASE),
            "LABEL_STUDIO_BASE_DATA_DIR": str(folder),
            "LABEL_STUDIO_USERNAME": "someone@example.com",
            "LABEL_STUDIO_PASSWORD": "long enough",
            "LABEL_STUDIO_USER_TOKEN": TOKEN,
            "LABEL_STUDIO_ENABLE_LEGACY_API_TOKEN": "true",
        }
        start_server(
            "own",
            folder,
            [label_studio_program(), "start", "--no-browser", "--port", str(port)],
            port,
            is_ready=is_ready,
            environment=private_environment() | where | settings,
            timeout_s=300,
        )
        return url

    yield start
    stop_server("own", folder)


def _refusal(client: Any, folder: Path, project: int | None = None) -> str:
    with pytest.raises(ConfigurationError) as refused:
        check_storage(client, str(folder), project)
    return str(refused.value)


@pytest.mark.slow
def test_an_ingest_is_refused_before_a_tile_is_cut_and_the_printed_settings_make_it_work(
    start_own: Start, tmp_path: Path
) -> None:
    environment = {"LABEL_STUDIO_URL": start_own({}), "LABEL_STUDIO_API_KEY": TOKEN}
    user = User(tmp_path, environment)
    store = tmp_path / "the store"
    ingest = user.writes(
        "ingest",
        parameters={
            "source": {"kind": "synthetic", "scenes": 1, "width": 256, "height": 256, "ships": 2},
            "data_source": str(store),
            "tiling": {"tile_size": 256},
            "label_studio": {"project": "of my own"},
        },
    )

    refused = " ".join(user.calls("--ingest", "--config", ingest, exit_code=2).split())

    client = connect(environment["LABEL_STUDIO_URL"], TOKEN)
    assert not [path for path in store.rglob("*") if path.is_file()]
    assert ask(client, "GET", "api/projects")["count"] == 0
    command = refused.split("start it with: ")[1].split(" label-studio start")[0]
    start_own(dict(setting.split("=", 1) for setting in shlex.split(command)))
    assert f"-v '{store}:{store}:ro'" in refused

    shown = user.calls("--ingest", "--config", ingest)

    assert "1 new tasks" in shown
    client = connect(environment["LABEL_STUDIO_URL"], TOKEN)
    project = ask(client, "GET", "api/projects")["results"][0]["id"]
    [task] = ask(client, "GET", "api/tasks/", params={"project": project, "fields": "all"})["tasks"]
    image = client._client_wrapper.httpx_client.request(
        task["data"]["image"].lstrip("/"), method="GET"
    )
    [tile] = (store / "tiles").rglob("*.png")
    assert image.content == tile.read_bytes()


def test_a_folder_outside_the_document_root_is_refused_with_that_root(
    start_own: Start, tmp_path: Path
) -> None:
    served, elsewhere = tmp_path / "served", tmp_path / "elsewhere"
    (served / "cells").mkdir(parents=True)
    settings = {
        "LABEL_STUDIO_LOCAL_FILES_SERVING_ENABLED": "true",
        "LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT": str(served),
    }
    client = connect(start_own(settings), TOKEN)

    assert f'LOCAL_FILES_DOCUMENT_ROOT="{served}"' in _refusal(client, elsewhere)

    check_storage(client, str(served / "cells"), None)
    options = LabelStudioOptions(project="below the root")
    project = open_project(client, options, ["cell"])
    image = write_image(served / "cells" / "a.png")
    url = connect_storage(client, project, str(served / "cells")).url_of(str(image))
    assert url == "/data/local-files/?d=cells/a.png"


def test_a_bucket_is_left_to_the_server(start_own: Start) -> None:
    check_storage(None, "gs://bucket/prefix", None)
