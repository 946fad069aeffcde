"""The embedded Label Studio: one server, private, that shows what it is told to and no more."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import httpx
import psutil
import pytest

from tests.builders import write_image
from tests.fixtures.label_studio import Harbour
from utils.annotation.label_studio.connection import ask, connect
from utils.annotation.label_studio.images import connect_storage
from utils.annotation.label_studio.options import LabelStudioOptions, resolve_connection
from utils.annotation.label_studio.project import check_project, open_project
from utils.annotation.label_studio.server import (
    ServerConnection,
    document_root,
    running_label_studio,
    start_label_studio,
)
from utils.counting.offered import require_offered
from utils.errors import BusyError, ConfigurationError, LabelStudioError, ServerError
from utils.paths import local_folder
from utils.ports import free_port
from utils.processes import running_server
from utils.project_commands import PROJECT_VARIABLE


def fetch(server: ServerConnection, path: str) -> httpx.Response:
    headers = {"Authorization": f"Token {server.api_key}"}
    return httpx.get(f"{server.url}{path}", headers=headers)


@pytest.fixture(scope="module")
def personal_token(label_studio: ServerConnection) -> str:
    """The newer kind of token: a JWT, of which each user has one."""
    client = connect(label_studio.url, label_studio.api_key)
    return str(ask(client, "POST", "api/token/")["token"])


def test_starting_it_again_finds_the_one_that_runs(label_studio: ServerConnection) -> None:
    assert start_label_studio() == label_studio
    assert running_label_studio() == label_studio
    assert resolve_connection(LabelStudioOptions(), {}) == label_studio


def test_its_password_and_token_are_for_the_owner_only(label_studio: ServerConnection) -> None:
    account = local_folder("label-studio") / "account.json"
    assert stat.S_IMODE(account.stat().st_mode) == 0o600
    assert label_studio.password in account.read_text()


def test_it_talks_to_this_machine_only(label_studio: ServerConnection) -> None:
    server = running_server("label-studio", local_folder("label-studio"))
    assert server is not None
    process = psutil.Process(server.pid)
    connections = process.net_connections()
    listening = {one.laddr.ip for one in connections if one.status == psutil.CONN_LISTEN}
    talking_to = {one.raddr.ip for one in connections if one.raddr}
    assert listening == {"127.0.0.1"}
    assert talking_to <= {"127.0.0.1"}
    environment = process.environ()
    assert environment["COLLECT_ANALYTICS"] == "false"
    assert environment["SENTRY_DSN"] == environment["FRONTEND_SENTRY_DSN"] == ""


def test_a_port_that_is_taken_is_refused(label_studio: ServerConnection, tmp_path: Path) -> None:
    taken = int(label_studio.url.rpartition(":")[2])
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SPYGLASS_LOCAL", str(tmp_path))
        with pytest.raises(ServerError, match=f"port {taken}"):
            start_label_studio(port=taken)


def test_both_kinds_of_token_are_accepted(
    label_studio: ServerConnection, personal_token: str
) -> None:
    for token in (label_studio.api_key, f"{label_studio.api_key}\n", personal_token):
        client = connect(label_studio.url, token)
        whoami = ask(client, "GET", "api/current-user/whoami")
        assert whoami["email"] == label_studio.username


@pytest.mark.parametrize(
    ("token", "message"),
    [
        pytest.param("0" * 40, "refuses the token", id="unknown"),
        pytest.param("no token at all", "refuses the token", id="nonsense"),
        pytest.param("", "empty", id="empty"),
    ],
)
def test_a_wrong_token_is_named(label_studio: ServerConnection, token: str, message: str) -> None:
    with pytest.raises(LabelStudioError, match=message) as failure:
        connect(label_studio.url, token)
    assert label_studio.url in str(failure.value)
    assert "LABEL_STUDIO_API_KEY" in str(failure.value)


def test_a_forged_personal_token_is_refused(
    label_studio: ServerConnection, personal_token: str
) -> None:
    with pytest.raises(LabelStudioError, match="refuses the token"):
        connect(label_studio.url, personal_token[:-8] + "AAAAAAAA")


def test_a_server_that_is_down_is_named() -> None:
    url = f"http://127.0.0.1:{free_port()}"
    with pytest.raises(LabelStudioError, match=f"nothing answers at {url}"):
        connect(url, "0" * 40)


def test_images_of_two_folders_anywhere_are_shown_and_nothing_else(
    harbour: Harbour, tmp_path: Path
) -> None:
    contents = {}
    for number, name in enumerate(["a/tiles [100%] #1 ü", "b/tiles [100%] #1 ü"]):
        image = write_image(tmp_path / name / "sub dir" / "täile+1.png", seed=number)
        images = connect_storage(harbour.client, harbour.project, str(tmp_path / name))
        url = images.url_of(str(image))
        assert url is not None
        contents[url] = image.read_bytes()
    assert len(contents) == 2
    for url, content in contents.items():
        assert fetch(harbour.server, url).content == content
    assert images.url_of("/etc/hostname") is None
    for path in ("../account.json", "account.json", "etc/hostname", "../../../etc/hostname"):
        assert not fetch(harbour.server, f"/data/local-files/?d={path}").is_success


def test_a_folder_is_connected_once(harbour: Harbour) -> None:
    first = connect_storage(harbour.client, harbour.project, str(harbour.store))
    assert connect_storage(harbour.client, harbour.project, str(harbour.store)) == first
    parameters = {"project": harbour.project.id}
    storages = ask(harbour.client, "GET", "api/storages/localfiles/", params=parameters)
    assert len(storages) == 1


def test_synchronising_the_storage_by_hand_adds_no_tasks(harbour: Harbour) -> None:
    harbour.sync()
    parameters = {"project": harbour.project.id}
    (storage,) = ask(harbour.client, "GET", "api/storages/localfiles/", params=parameters)
    ask(harbour.client, "POST", f"api/storages/localfiles/{storage['id']}/sync")
    assert len(harbour.tasks()) == len(harbour.tiles)


def test_another_server_shows_a_folder_below_its_document_root(
    harbour: Harbour, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The session's server plays one that is not ours: another `.local` does not know it."""
    root = document_root()
    image = write_image(root / "elsewhere" / "a.png")
    client, project = harbour.client, harbour.project
    monkeypatch.setenv("SPYGLASS_LOCAL", str(tmp_path / "other"))
    images = connect_storage(client, project, str(root / "elsewhere"), root)
    assert connect_storage(client, project, str(root / "elsewhere")) == images
    url = images.url_of(str(image))
    assert url is not None
    assert fetch(harbour.server, url).content == image.read_bytes()
    with pytest.raises(ConfigurationError, match="LOCAL_FILES_DOCUMENT_ROOT"):
        connect_storage(client, project, str(harbour.store))


def test_a_data_source_that_is_not_there_is_named(harbour: Harbour, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="nowhere does not exist"):
        connect_storage(harbour.client, harbour.project, str(tmp_path / "nowhere"))


def test_a_project_is_made_once_and_found_by_name_and_number(harbour: Harbour) -> None:
    made = harbour.project
    assert made.class_names == ("ship", "buoy")
    assert open_project(harbour.client, harbour.options, ["ship"]) == made
    by_number = harbour.options.updated(project=made.id)
    assert open_project(harbour.client, by_number, ["ship"]) == made


def test_two_ingests_at_once_make_one_project(harbour: Harbour) -> None:
    at_once = Barrier(2)

    def ingest() -> int | None:
        client = connect(harbour.server.url, harbour.server.api_key)
        at_once.wait()
        try:
            return open_project(client, harbour.options, harbour.class_names).id
        except BusyError:
            return None

    with ThreadPoolExecutor() as pool:
        made = [ingesting.result() for ingesting in [pool.submit(ingest) for _ in range(2)]]
    assert set(made) - {None} == {harbour.project.id}


def test_a_missing_project_is_named(harbour: Harbour) -> None:
    with pytest.raises(LabelStudioError, match="no project number 987654"):
        open_project(harbour.client, harbour.options.updated(project=987654), ["ship"])
    with pytest.raises(LabelStudioError, match=f"no project named '{harbour.options.project}'"):
        open_project(harbour.client, harbour.options.updated(create_missing=False), ["ship"])
    with pytest.raises(LabelStudioError, match="without classes"):
        open_project(harbour.client, harbour.options, [])


def test_a_project_that_lacks_a_class_is_refused(harbour: Harbour) -> None:
    assert harbour.project.class_names == ("ship", "buoy")
    with pytest.raises(LabelStudioError, match="offers the classes ship, buoy and not whale"):
        open_project(harbour.client, harbour.options, ["ship", "whale"])


def test_two_projects_of_one_name_are_told_apart_by_number(harbour: Harbour) -> None:
    twin = {"title": harbour.project.title}
    number = ask(harbour.client, "POST", "api/projects", json=twin)["id"]
    with pytest.raises(LabelStudioError, match=f"2 projects.*{number}"):
        open_project(harbour.client, harbour.options, ["ship"])


def test_checking_a_project_makes_none(harbour: Harbour) -> None:
    check_project(harbour.client, harbour.options, harbour.class_names)

    with pytest.raises(LabelStudioError, match="There is no project named"):
        check_project(harbour.client, harbour.options.updated(create_missing=False))


def test_checking_a_project_tells_of_missing_classes(harbour: Harbour) -> None:
    assert harbour.project.class_names == harbour.class_names

    check_project(harbour.client, harbour.options, harbour.class_names)
    with pytest.raises(LabelStudioError, match="and not submarine"):
        check_project(harbour.client, harbour.options, ("ship", "submarine"))
    require_offered(harbour.client, harbour.options, harbour.class_names)
    with pytest.raises(ConfigurationError, match=r"not offer submarine.*'count\.classes=\[ship\]'"):
        require_offered(harbour.client, harbour.options, ("ship", "submarine"))


def test_only_the_embedded_server_is_opened_by_make(label_studio, monkeypatch) -> None:
    from commands.runs.summaries import _how_to_label

    monkeypatch.delenv(PROJECT_VARIABLE, raising=False)
    assert _how_to_label(f"{label_studio.url}/projects/1") == ["  to label: make label-studio"]
    assert _how_to_label("https://label.example.com/projects/1") == []
    monkeypatch.setenv(PROJECT_VARIABLE, "cells")
    assert _how_to_label(f"{label_studio.url}/projects/1") == [
        "  to label: PROJECT=cells make label-studio"
    ]
