"""The next command clears away the remains of a killed process. Each case is a process."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests.conftest import PROJECT_ROOT
from utils.own_folder import abandoned_folders, own_folder, use_own_temporary_folder

MAKES_FILES = """
import os, signal, sys, tempfile
from utils.own_folder import own_folder, use_own_temporary_folder

use_own_temporary_folder()
tempfile.mkdtemp()
(own_folder() / "note").touch()
print(own_folder(), flush=True)
{end}
"""
KILLED = "os.kill(os.getpid(), signal.SIGKILL)"
WAITS = "sys.stdin.read()"


@pytest.fixture
def local(tmp_path, monkeypatch) -> Path:
    """A `.local` and a folder for temporary files."""
    monkeypatch.setenv("SPYGLASS_LOCAL", str(tmp_path / "local"))
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    monkeypatch.setattr(tempfile, "tempdir", None)
    (tmp_path / "tmp").mkdir()
    return tmp_path / "local"


def start(end: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", MAKES_FILES.format(end=end)],
        cwd=PROJECT_ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def test_a_killed_process_leaves_its_temporary_files_to_the_next(local, tmp_path):
    shown, _ = start(KILLED).communicate(timeout=60)
    folder = Path(shown.strip())
    assert list((folder / "tmp").iterdir())

    for left in abandoned_folders():
        assert left == folder
        assert not (left / "tmp").exists()
        (left / "note").unlink()  # what it said has been done
    assert not folder.exists()
    assert not list((tmp_path / "tmp").iterdir())


def test_what_is_not_done_with_yet_is_found_again(local):
    start(KILLED).communicate(timeout=60)
    assert list(abandoned_folders()) == list(abandoned_folders()) != []


def test_a_living_process_keeps_its_files(local):
    process = start(WAITS)
    folder = Path(process.stdout.readline().strip())
    assert list(abandoned_folders()) == []
    assert list((folder / "tmp").iterdir())

    process.communicate(timeout=60)
    assert not folder.exists()


def test_the_names_of_sockets_stay_short_enough_far_from_the_root(local, tmp_path, monkeypatch):
    monkeypatch.setenv("SPYGLASS_LOCAL", str(tmp_path / ("deep" * 20)))
    use_own_temporary_folder()
    made = Path(tempfile.mkdtemp())
    assert len(os.fsencode(tempfile.gettempdir())) < len(os.fsencode(own_folder()))
    assert own_folder() in made.resolve().parents


def test_a_process_has_one_folder_and_a_new_one_where_that_is_gone(local):
    folder = own_folder()
    assert own_folder() == folder
    (folder / "alive").unlink()
    folder.rmdir()
    assert own_folder() != folder
