"""FiftyOne's MongoDB is found or its absence explained, and the user's own settings are kept."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from utils.curation import database
from utils.errors import ServerError


def test_without_a_mongod_the_message_names_the_extra(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(database, "find_spec", lambda _: None)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ServerError, match="uv sync --extra mongod"):
        database.find_mongod()


def test_a_mongod_of_the_system_is_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program = tmp_path / "mongod"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.setattr(database, "find_spec", lambda _: None)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert database.find_mongod() == program


def test_a_database_of_the_users_own_is_taken_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FIFTYONE_DATABASE_URI", "mongodb://db.example.org")
    running_before = database.running_database()
    assert database.start_database() == "mongodb://db.example.org"
    assert database.running_database() == running_before


def test_folders_that_the_user_has_set_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FIFTYONE_PLUGINS_DIR", "/my/plugins")
    database.configure_fiftyone()
    assert os.environ["FIFTYONE_PLUGINS_DIR"] == "/my/plugins"


def test_fiftyone_is_kept_out_of_the_home_folder(
    monkeypatch: pytest.MonkeyPatch, local_state: Path
) -> None:
    folders = ("FIFTYONE_CONFIG_PATH", "FIFTYONE_DEFAULT_DATASET_DIR", "FIFTYONE_MODEL_ZOO_DIR")
    for folder in folders:
        monkeypatch.delenv(folder, raising=False)
    database.configure_fiftyone()
    for folder in folders:
        assert Path(os.environ[folder]).is_relative_to(local_state)
