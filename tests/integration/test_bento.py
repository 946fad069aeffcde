"""BentoML serves a bundle as it stands, and shows none of its own pages."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import psutil
import pytest
from uv import find_uv_bin

from utils.ports import free_port
from utils.serving.bento_files import BENTOML_VERSION

_WAIT = 90
PAGES = ("", "docs.json", "schema.json", "openapi.json", "static_content/index.html", "metrics")


@pytest.fixture(scope="module")
def bentoml(bundle, tmp_path_factory) -> Path:
    """The program of BentoML, in an environment with what the bundle asks for."""
    folder = tmp_path_factory.mktemp("bento") / "environment"
    uv, python = find_uv_bin(), folder / "bin" / "python"
    requirements = bundle.root / "env" / "python" / "requirements.txt"
    subprocess.run([uv, "venv", "-q", "--python", sys.executable, folder], check=True, cwd="/")
    install = [uv, "pip", "install", "-q", "--python", python]
    subprocess.run([*install, "--require-hashes", "-r", requirements], check=True, cwd="/")
    subprocess.run([*install, f"bentoml=={BENTOML_VERSION}"], check=True, cwd="/")
    return folder / "bin" / "bentoml"


@pytest.fixture(scope="module")
def served(bentoml, bundle, tmp_path_factory):
    """The address and the token of a bundle that BentoML serves, which has proved itself."""
    home, state, port = (*map(tmp_path_factory.mktemp, ("home", "state")), free_port())
    own = {"BENTOML_HOME": str(home), "BENTOML_DO_NOT_TRACK": "True", "PYTHONPATH": ""}
    environment = os.environ | own | {"SPYGLASS_SERVICE_STATE": str(state)}
    command = [bentoml, "serve", bundle.root, "--host", "127.0.0.1", "--port", str(port)]
    with (home / "log").open("wb") as log:
        process = subprocess.Popen(
            command, env=environment, cwd="/", stdout=log, stderr=log, start_new_session=True
        )
    url = f"http://127.0.0.1:{port}"
    try:
        wait_until_ready(url, process, home / "log")
        yield url, (state / "access.token").read_text()
    finally:
        children = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=60)
        _, alive = psutil.wait_procs(children, timeout=30)
        for child in alive:
            child.kill()
    assert not alive  # no worker outlives it


def wait_until_ready(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    script = f"curl -s --retry {_WAIT} --retry-delay 1 --retry-all-errors -f {url}/readyz"
    done = subprocess.run(script.split(), capture_output=True, timeout=2 * _WAIT, check=False)
    assert done.returncode == 0, log.read_text()
    assert process.poll() is None


def ask(url: str, token: str = "", data: bytes | None = None) -> tuple[int, bytes]:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    headers |= {"Content-Type": "image/png"} if data else {}
    request = urllib.request.Request(url, data, headers)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


@pytest.mark.slow
def test_bentoml_serves_the_folder_and_finds_what_was_packed(served, bundle):
    url, token = served
    status, answer = ask(f"{url}/predict", token, bundle.test_image.read_bytes())
    assert status == 200
    found, expected = json.loads(answer), json.loads(bundle.expected.read_text())
    assert (found["model"], found["version"]) == (bundle.model, bundle.version)
    assert found["objects"] == expected["objects"]


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES)
def test_no_page_of_a_bento_loads_anything_from_elsewhere(page, served):
    url, token = served
    status, answer = ask(f"{url}/{page}", token)
    assert status in (200, 404)
    assert b"googletagmanager" not in answer
    assert not re.search(rb'(?:src|href)="(?:https?:)?//', answer)


@pytest.mark.slow
def test_a_bento_answers_nobody_without_the_token(served):
    url, _ = served
    for page in ("predict", "model", "metrics", "docs.json"):
        assert ask(f"{url}/{page}")[0] == (
            404 if page == "docs.json" else 401 if page != "predict" else 405
        )
