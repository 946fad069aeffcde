"""The embedded server's folder, without the server."""

from __future__ import annotations

from pathlib import Path

import pytest

from utils.annotation.label_studio.server import (
    ServerConnection,
    document_root,
    publish_folder,
    running_label_studio,
    stop_label_studio,
)


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPYGLASS_LOCAL", str(tmp_path / "local"))


def test_none_runs_and_stopping_none_is_fine() -> None:
    assert running_label_studio() is None
    assert stop_label_studio() is False


def test_folders_of_one_name_are_published_apart_and_each_once(tmp_path: Path) -> None:
    folders = [tmp_path / "a" / "tiles", tmp_path / "b" / "tiles"]
    for folder in folders:
        folder.mkdir(parents=True)
    links = [publish_folder(folder) for folder in [*folders, *folders]]
    assert links[:2] == links[2:]
    assert [link.resolve() for link in links[:2]] == folders
    assert {link.parent for link in links} == {document_root()}
    assert len(list(document_root().iterdir())) == 2


def test_secrets_do_not_show_in_messages() -> None:
    connection = ServerConnection("http://127.0.0.1:1", "my-key", "me", "my-password")
    assert "my-" not in repr(connection)
