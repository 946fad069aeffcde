"""The requirements files install by themselves, by pip and by uv, outside of the checkout."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from uv import find_uv_bin

from utils.paths import PROJECT_ROOT

pytestmark = pytest.mark.slow

HASHED = ("--require-hashes", "-r")
FILES = [PROJECT_ROOT / "requirements.txt", PROJECT_ROOT / "requirements-gcp.txt"]


@pytest.fixture
def empty_environment(tmp_path) -> Path:
    """The Python of an environment without packages but pip."""
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "environment"], check=True)
    return tmp_path / "environment" / "bin" / "python"


def run_in(folder: Path, *command: object) -> str:
    done = subprocess.run(
        [str(part) for part in command], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.timeout(600)
def test_uv_installs_what_run_py_needs(empty_environment, tmp_path, monkeypatch):
    uv = find_uv_bin(), "pip"
    python = "--python", empty_environment
    run_in(tmp_path, *uv, "install", "-q", *python, *HASHED, FILES[0])
    run_in(tmp_path, *uv, "check", *python)

    monkeypatch.setenv("ZENML_CONFIG_PATH", str(tmp_path / "zenml"))
    shown = run_in(tmp_path, empty_environment, PROJECT_ROOT / "run.py", "--datasets")

    assert "no labelled datasets yet" in shown


@pytest.mark.timeout(600)
def test_pip_finds_no_conflict(empty_environment, tmp_path):
    """Only the first file: pip downloads every wheel to check it, which takes minutes."""
    pip = empty_environment, "-m", "pip"
    run_in(tmp_path, *pip, "install", "-q", "--dry-run", *HASHED, FILES[0])


def test_uv_takes_the_file_for_google_cloud(empty_environment, tmp_path):
    uv = find_uv_bin(), "pip", "install", "--dry-run", "--python", empty_environment
    run_in(tmp_path, *uv, *HASHED, FILES[1])
