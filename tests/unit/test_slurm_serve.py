"""Who may use the store that is served to jobs."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from slurm.serve import guarded
from slurm.store_server import _without_proxy

TOKEN = "s3cret"


async def application(scope, receive, send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"everything"})


def answer(path: str, **headers: str) -> httpx.Response:
    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(guarded(application, TOKEN))
        async with httpx.AsyncClient(transport=transport, base_url="http://login") as client:
            return await client.get(path, headers=headers)

    return asyncio.run(ask())


@pytest.mark.parametrize(
    "shown", [{}, {"Authorization": "Bearer guess"}, {"Authorization": "s3cret"}]
)
def test_without_the_token_nothing_is_told(shown):
    told = answer("/api/v1/runs", **shown)
    assert (told.status_code, told.json()["detail"][0]) == (401, "CredentialsNotValid")


def test_a_websocket_without_the_token_is_401_too():
    sent = []

    async def send(message) -> None:
        sent.append(message)

    scope = {"type": "websocket", "path": "/api/v1/streams", "headers": []}
    scope["extensions"] = {"websocket.http.response": {}}
    asyncio.run(guarded(application, TOKEN)(scope, None, send))
    assert (sent[0]["type"], sent[0]["status"]) == ("websocket.http.response.start", 401)


def test_with_the_token_everything_is():
    assert answer("/api/v1/runs", Authorization=f"Bearer {TOKEN}").text == "everything"


def test_whether_it_is_ready_may_be_asked_by_all():
    assert answer("/ready").status_code == 200


def test_hosts_without_a_proxy_count_however_the_site_writes_them(monkeypatch):
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.setenv("NO_PROXY", "head.example.com")
    assert _without_proxy() == "head.example.com"
    monkeypatch.setenv("no_proxy", "other.example.com")
    assert _without_proxy() == "other.example.com"
