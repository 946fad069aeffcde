"""Local state is for its owner only."""

from __future__ import annotations

import logging
import stat
from pathlib import Path

import pytest

from utils.paths import local_folder


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SPYGLASS_LOCAL", str(tmp_path / "state" / "local"))
    return tmp_path / "state" / "local"


def test_nobody_else_enters_a_new_folder(root: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert local_folder("cache", "images") == root / "cache" / "images"
    assert _mode(root) == 0o700
    assert caplog.messages == []


def test_a_folder_that_was_open_to_others_is_closed_with_a_word(
    root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    root.mkdir(parents=True)
    root.chmod(0o755)
    with caplog.at_level(logging.WARNING):
        local_folder("cache")
        local_folder("cache")
    assert _mode(root) == 0o700
    [told] = caplog.messages
    assert told.startswith(f"{root} was open to other users")
