"""Every example of the page about serving works as it stands there."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fixtures.spots import png, spots
from tests.integration.test_service_scenes import geotiff

ROOT = Path(__file__).parent.parent.parent
PAGE = (ROOT / "docs" / "serving.md").read_text()
ADDRESS = "http://127.0.0.1:8080"
# Errors end the script, and an answer that refuses is one.
BEGIN = 'set -euo pipefail\ncurl() { command curl -sS --fail-with-body "$@"; echo; }\n'


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("examples")
    png(spots(304, 208, [(1, 1, "ship"), (8, 8, "buoy")]), folder / "harbour.png")
    (folder / "harbour.png").rename(folder / "harbour.jpg")  # the content counts
    geotiff(folder / "coast.tif")
    return folder


def test_the_lines_of_curl(service, folder) -> None:
    if shutil.which("curl") is None:
        pytest.skip("no curl on the PATH")
    examples = blocks("bash")
    assert len(examples) >= 6
    script = BEGIN + "\n".join(examples).replace(ADDRESS, service.url)
    done = subprocess.run(
        ["bash", "-c", script], cwd=folder, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    assert (folder / "found.png").read_bytes().startswith(b"\x89PNG")
    for words in ('"ship"', "FeatureCollection", "annotations", "\x1e{", "removed", "# HELP"):
        assert words in done.stdout


def test_the_lines_of_python(service, folder) -> None:
    (example,) = blocks("python")
    done = subprocess.run(
        [sys.executable, "-c", example.replace(ADDRESS, service.url)],
        cwd=folder,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert "ship 1.0 [9.0, 9.0, 15.0, 15.0]" in done.stdout
    assert len(done.stdout.splitlines()) > 100


def test_the_statuses_of_the_page_are_those_of_the_code() -> None:
    """Each status that the service refuses with is explained."""
    code = "".join(
        file.read_text() for file in (ROOT / "utils" / "serving" / "service").glob("*.py")
    )
    used = set(re.findall(r"Refused\(\s*(\d{3})", code)) | set(re.findall(r"status=(\d{3})", code))
    explained = set(re.findall(r"\b([45]\d\d)\b", PAGE.partition("## Refusals")[2]))
    assert used - explained - {"404", "409", "502"} == set()
