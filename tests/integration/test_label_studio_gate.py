"""The embedded Label Studio answers its user only, and shows no files but the published ones."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest

from utils.annotation.label_studio.account import _reset_account, account_in
from utils.annotation.label_studio.installation import DATABASE
from utils.annotation.label_studio.server import (
    ServerConnection,
    document_root,
    publish_folder,
    running_label_studio,
)
from utils.paths import local_folder


@pytest.fixture
def user(label_studio: ServerConnection) -> dict[str, str]:
    return {"Authorization": f"Token {label_studio.api_key}"}


def _ask(server: ServerConnection, path: str, **headers: str) -> httpx.Response:
    return httpx.get(server.url + path, headers=headers)


@pytest.fixture
def published(tmp_path: Path) -> Path:
    """A published folder with an image, beside a file that is nobody's business."""
    store = tmp_path / "store"
    store.mkdir()
    (store / "tile.png").write_bytes(b"pixels")
    (tmp_path / "secret.png").write_bytes(b"private pixels")
    return publish_folder(store)


@pytest.fixture
def other_account(label_studio: ServerConnection) -> Iterator[ServerConnection]:
    """The way in after the file of the account was damaged; the former one works again later."""
    folder = local_folder("label-studio")
    former, file = account_in(folder), folder / "account.json"
    kept = file.read_text()
    file.write_text("{")
    server = running_label_studio()
    assert server is not None
    yield server
    file.write_text(kept)
    _reset_account(folder / DATABASE, former)


def test_after_its_file_was_damaged_the_account_has_a_new_way_in(
    label_studio: ServerConnection, other_account: ServerConnection
) -> None:
    assert other_account.api_key != label_studio.api_key
    token = {"Authorization": f"Token {other_account.api_key}"}
    assert _ask(other_account, "/api/current-user/whoami", **token).status_code == 200
    with httpx.Client(base_url=other_account.url) as browser:
        browser.get("/user/login/")
        form = {
            "email": other_account.username,
            "password": other_account.password,
            "csrfmiddlewaretoken": browser.cookies["csrftoken"],
        }
        browser.post("/user/login/", data=form)
        assert browser.get("/api/current-user/whoami").status_code == 200


@pytest.mark.parametrize(
    "around",
    ["{link}/../../secret.png", "../account.json", "/etc/passwd", "{link}/%2e%2e/secret.png"],
)
def test_no_file_outside_the_published_folders_is_shown(
    label_studio: ServerConnection, user: dict[str, str], published: Path, around: str
) -> None:
    wanted = around.format(link=published.relative_to(document_root()))
    answer = _ask(label_studio, f"/data/local-files/?d={quote(wanted)}", **user)
    assert answer.is_error
    assert b"private pixels" not in answer.content
    assert label_studio.api_key not in answer.text


def test_a_page_that_gives_this_machine_its_own_name_is_refused(
    label_studio: ServerConnection, user: dict[str, str]
) -> None:
    path = "/api/current-user/whoami"
    assert _ask(label_studio, path, **user).status_code == 200
    assert _ask(label_studio, path, Host="evil.example", **user).status_code == 400


def test_a_page_of_another_server_reads_no_answer(label_studio: ServerConnection) -> None:
    answer = _ask(label_studio, "/api/version", Origin="http://evil.example")
    assert "access-control-allow-origin" not in answer.headers


def test_without_the_account_nothing_is_told(label_studio: ServerConnection) -> None:
    assert _ask(label_studio, "/api/projects/").status_code == 401


@pytest.mark.usefixtures("label_studio")
def test_no_other_user_reads_its_database_or_account() -> None:
    folder = local_folder("label-studio")
    assert local_folder().stat().st_mode & 0o077 == 0
    for name in ("label_studio.sqlite3", "account.json"):
        assert (folder / name).stat().st_mode & 0o077 == 0
