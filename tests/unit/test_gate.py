"""The gate before a server lets in who has its token, and no page of another server."""

from __future__ import annotations

import asyncio
import re
import stat
from pathlib import Path
from typing import Any

import httpx
import pytest

from utils.gate import bearer, gated, token_in, with_token

TOKEN = "s3cret-t0ken"
HERE = "http://127.0.0.1:5151"


async def application(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": scope["path"].encode()})


def answer(
    address: str = f"{HERE}/media", method: str = "GET", cookies: Any = None, **headers: str
) -> httpx.Response:
    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(gated(application, TOKEN))
        async with httpx.AsyncClient(transport=transport, cookies=cookies) as client:
            sent = {name.replace("_", "-"): value for name, value in headers.items()}
            return await client.request(method, address, headers=sent)

    return asyncio.run(ask())


@pytest.fixture(scope="module")
def cookies() -> httpx.Cookies:
    """The cookies of a browser that has opened the printed address."""
    return answer(with_token(f"{HERE}/datasets/ships", TOKEN)).cookies


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({}, id="nothing"),
        pytest.param(bearer("guess"), id="another token"),
        pytest.param({"Authorization": f"Basic {TOKEN}"}, id="another scheme"),
        pytest.param({"Cookie": f"spyglass={TOKEN}"}, id="a cookie of another name"),
        pytest.param({"Cookie": f"{TOKEN}; ="}, id="a cookie without a name"),
    ],
)
def test_without_the_token_nothing_is_told(headers: dict[str, str]) -> None:
    refused = answer(**headers)
    assert (refused.status_code, "/media" in refused.text) == (401, False)
    assert answer(with_token(HERE, "guess"), **headers).status_code == 401


def test_a_program_shows_the_token_in_a_header() -> None:
    assert answer(**bearer(TOKEN)).text == "/media"


def test_the_printed_address_leads_on_without_the_token_and_leaves_a_cookie() -> None:
    opened = answer(with_token(f"{HERE}/datasets/my%20ships", TOKEN) + "&view=%22a%22")
    assert opened.status_code == 200
    forward = re.search(r"url=([^\"]+)", opened.text)[1]
    assert forward == "/datasets/my%20ships?view=%22a%22"
    assert TOKEN not in opened.text
    settings = opened.headers["set-cookie"]
    assert "HttpOnly" in settings
    assert "SameSite=Strict" in settings
    assert answer(HERE + forward, cookies=opened.cookies).text == "/datasets/my ships"


def test_the_address_leads_to_no_other_machine() -> None:
    opened = answer(with_token(f"{HERE}//example.org/", TOKEN))
    assert 'url=/example.org/"' in opened.text


def test_the_token_opens_nothing_when_a_page_posts_to_the_address() -> None:
    assert answer(with_token(HERE, TOKEN), method="POST").status_code == 401


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:5151", "127.0.0.1.evil.example", "192.0.2.7:5151", "", "[::1"],
)
def test_a_page_that_gives_this_machine_its_own_name_is_refused(host: str) -> None:
    assert answer(Host=host, **bearer(TOKEN)).status_code == 403


@pytest.mark.parametrize("host", ["localhost:5151", "[::1]:5151", "127.0.0.1:9999", "LOCALHOST"])
def test_names_of_this_machine_and_the_ports_of_tunnels_are_let_in(host: str) -> None:
    assert answer(Host=host, **bearer(TOKEN)).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:6666"},
        {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "no-cors"},
        {"Sec_Fetch_Site": "same-site", "Sec_Fetch_Mode": "cors"},
        {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "websocket"},
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
def test_a_page_of_another_server_is_refused_even_with_the_cookie(
    headers: dict[str, str], method: str, cookies: httpx.Cookies
) -> None:
    assert answer(method=method, cookies=cookies, **headers).status_code == 403


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": HERE, "Sec_Fetch_Site": "same-origin", "Sec_Fetch_Mode": "cors"},
        {"Sec_Fetch_Site": "none", "Sec_Fetch_Mode": "navigate"},
        {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "navigate"},
    ],
)
def test_its_own_pages_and_links_that_lead_to_it_are_let_in(
    headers: dict[str, str], cookies: httpx.Cookies
) -> None:
    assert answer(cookies=cookies, **headers).text == "/media"


def test_pages_load_nothing_from_elsewhere_unless_the_user_names_the_place(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    policy = answer(**bearer(TOKEN)).headers["content-security-policy"]
    assert policy.startswith("default-src 'self' data: blob: 'unsafe-inline' 'unsafe-eval';")
    monkeypatch.setenv("SPYGLASS_PAGES_MAY_LOAD", "https://maps.example.org")
    policy = answer(**bearer(TOKEN)).headers["content-security-policy"]
    assert "blob: https://maps.example.org 'unsafe-inline'" in policy


def _opens(scope: dict[str, Any]) -> list[dict[str, Any]]:
    """The answer to a websocket."""
    sent: list[dict[str, Any]] = []

    async def send(message: Any) -> None:
        sent.append(dict(message))

    async def accepting(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "websocket.accept"})

    headers = [(b"host", b"127.0.0.1:5151"), *scope.pop("headers", [])]
    gate = gated(accepting, TOKEN)
    asyncio.run(gate({"type": "websocket", "path": "/", "headers": headers, **scope}, None, send))
    return sent


def test_a_websocket_without_the_token_is_401() -> None:
    refused = _opens({"extensions": {"websocket.http.response": {}}})
    assert (refused[0]["type"], refused[0]["status"]) == ("websocket.http.response.start", 401)
    assert [message["type"] for message in _opens({})] == ["websocket.close"]


def test_a_websocket_with_the_token_opens() -> None:
    shown = [(b"authorization", f"Bearer {TOKEN}".encode())]
    assert _opens({"headers": shown}) == [{"type": "websocket.accept"}]


def test_the_token_is_made_once_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    token = token_in(tmp_path)
    assert len(token) > 40
    assert token_in(tmp_path) == token
    assert stat.S_IMODE((tmp_path / "token").stat().st_mode) == 0o600
