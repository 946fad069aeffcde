"""The App finds the plugin of Spyglass and those of the user."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tests.conftest import PROJECT_ROOT
from utils.curation.plugins import provide_plugins


def names(folder: Path) -> set[str]:
    """Names of the plugins that FiftyOne finds below a folder: it follows links one level down."""
    found = (file for link in folder.iterdir() for file in link.rglob("fiftyone.yml"))
    return {yaml.safe_load(file.read_text())["name"] for file in found}


@pytest.fixture
def users(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A plugins folder of the user's own, with a plugin."""
    monkeypatch.setenv("SPYGLASS_LOCAL", str(tmp_path / "local"))
    monkeypatch.setenv("FIFTYONE_PLUGINS_DIR", str(tmp_path / "users"))
    plugin = tmp_path / "users" / "theirs" / "fiftyone.yml"
    plugin.parent.mkdir(parents=True)
    plugin.write_text("name: theirs")
    return tmp_path / "users"


def test_both_are_found_and_nothing_is_written_to_the_users_folder(users: Path) -> None:
    before = sorted(users.rglob("*"))
    assert names(provide_plugins()) == {"@spyglass/label-studio", "theirs"}
    assert sorted(users.rglob("*")) == before


def test_a_folder_that_the_user_names_later_is_found(
    users: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    provide_plugins()
    users.rename(tmp_path / "elsewhere")
    monkeypatch.setenv("FIFTYONE_PLUGINS_DIR", str(tmp_path / "elsewhere"))
    assert "theirs" in names(provide_plugins())


def test_the_plugin_lists_the_operators_that_it_registers() -> None:
    folder = PROJECT_ROOT / "plugins" / "spyglass"
    listed = yaml.safe_load((folder / "fiftyone.yml").read_text())["operators"]
    code = (folder / "__init__.py").read_text()
    assert listed
    assert all(f'name="{name}"' in code for name in listed)
