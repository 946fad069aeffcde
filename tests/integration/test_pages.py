"""The pages of MLflow and ZenML are for the user who started them, and work for them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from commands.servers.embedded import open_dashboard, open_mlflow, stop_all
from tests.fixtures.wire import Wire
from utils.gate import bearer


@pytest.fixture(scope="module")
def watch(wire: Wire, tmp_path_factory: pytest.TempPathFactory) -> Wire:
    """A watch on the wire of the servers."""
    return replace(wire, log=tmp_path_factory.mktemp("wire") / "log")


@pytest.fixture(scope="module")
def addresses(watch: Wire, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The printed addresses, of servers on a folder of their own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SPYGLASS_LOCAL", str(tmp_path_factory.mktemp("pages")))
        with pytest.MonkeyPatch.context() as watching:
            for variable, value in watch.environment.items():
                watching.setenv(variable, value)
            opened = {"mlflow": open_mlflow(), "dashboard": open_dashboard()}
        yield opened
        stop_all()


QUESTIONS = {
    "mlflow": "/api/2.0/mlflow/experiments/search?max_results=1",
    "dashboard": "/api/v1/secrets",
}


def _asked(name: str, address: str, **headers: str) -> httpx.Response:
    return httpx.get(f"http://{urlsplit(address).netloc}{QUESTIONS[name]}", headers=headers)


@pytest.mark.parametrize("name", QUESTIONS)
def test_only_the_token_opens_them(addresses: dict[str, str], name: str) -> None:
    [token] = parse_qs(urlsplit(addresses[name]).query)["token"]
    assert _asked(name, addresses[name]).status_code == 401
    assert _asked(name, addresses[name], **bearer(token)).status_code == 200
    foreign = _asked(name, addresses[name], Origin="http://evil.example", **bearer(token))
    assert foreign.status_code == 403


def test_they_are_found_where_they_run(addresses: dict[str, str]) -> None:
    assert open_mlflow() == addresses["mlflow"]
    assert open_dashboard() == addresses["dashboard"]


@pytest.mark.parametrize(("name", "shown"), [("mlflow", "Experiments"), ("dashboard", "Pipelines")])
def test_a_browser_that_opens_the_printed_address_sees_the_page(
    browser: Any, addresses: dict[str, str], name: str, shown: str
) -> None:
    page = browser.new_page(viewport={"width": 1400, "height": 900})
    page.goto(addresses[name])
    page.get_by_text(shown).first.wait_for(timeout=60_000)
    assert "token=" not in page.url
    page.close()


def test_they_send_nothing_out_of_this_machine(addresses: dict[str, str], watch: Wire) -> None:
    assert watch.attempts == []


def test_no_other_user_reads_what_they_write(addresses: dict[str, str]) -> None:
    local = Path(os.environ["SPYGLASS_LOCAL"])
    assert local.stat().st_mode & 0o077 == 0
    for database in (local / "mlflow" / "mlflow.db", *local.rglob("zenml.db")):
        assert database.stat().st_mode & 0o077 == 0
