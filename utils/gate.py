"""A gate before a server on this machine: only who knows its token gets in.

The servers of FiftyOne, MLflow and ZenML's dashboard ask nobody who they are: any program of any
user of this machine could use them, and any web page that the user opens could send requests to
them. The address that Spyglass prints holds a token. Opening it leaves a cookie in the browser;
programs send `Authorization: Bearer <token>`.

Their pages would also load fonts, pictures and news from other machines, which thus learn who uses
them. Browsers load nothing from elsewhere, except the places that the user names in
`SPYGLASS_PAGES_MAY_LOAD` (sources of a Content-Security-Policy, such as `https://*.example.org`).
"""

from __future__ import annotations

import hashlib
import html
import os
import secrets
from collections.abc import Awaitable, Callable, MutableMapping
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from utils.files import write_secret

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]
Header = tuple[bytes, bytes]

PARAMETER = "token"
TOKEN_VARIABLE = "SPYGLASS_GATE_TOKEN"  # noqa: S105 (the name of a variable)
MAY_LOAD_VARIABLE = "SPYGLASS_PAGES_MAY_LOAD"
_TOKEN_BYTES = 32
_SHUTDOWN_SECONDS = 2
# A page elsewhere that has made its own name point to this machine calls the server by that name.
_OWN_NAMES = {"127.0.0.1", "localhost", "::1"}
_TEXT: list[Header] = [(b"content-type", b"text/plain; charset=utf-8")]
_PAGE: list[Header] = [
    (b"content-type", b"text/html; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"referrer-policy", b"no-referrer"),
]
_CLOSED = "Open the address with the token that Spyglass printed when it started this server."
_ELSEWHERE = "This server answers its own pages only."


def token_in(folder: Path) -> str:
    """The token of the server that keeps its state in a folder, made up on first use."""
    path = folder / "token"
    if not path.is_file():
        write_secret(path, secrets.token_urlsafe(_TOKEN_BYTES))
    return path.read_text()


def with_token(address: str, token: str) -> str:
    """An address that opens the gate."""
    return f"{address}?{urlencode({PARAMETER: token})}"


def bearer(token: str) -> dict[str, str]:
    """Headers that open the gate for a program."""
    return {"Authorization": f"Bearer {token}"}


def gated(application: Application, token: str) -> Application:
    """An ASGI application that lets in only who has the token, called by a name of this machine."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await application(scope, receive, send)
        elif not _is_from_here(scope):
            await refuse(scope, send, HTTPStatus.FORBIDDEN, _ELSEWHERE.encode(), _TEXT)
        elif scope["type"] == "http" and _shows_in_address(scope, token):
            await refuse(scope, send, HTTPStatus.OK, _forward(scope), [*_PAGE, _cookie(token)])
        elif _shows_in_headers(scope, token):
            await application(scope, receive, _keeping_pages_here(send))
        else:
            await refuse(scope, send, HTTPStatus.UNAUTHORIZED, _CLOSED.encode(), _TEXT)

    return answer


async def refuse(
    scope: Scope, send: Send, status: int, content: bytes, headers: list[Header]
) -> None:
    """Answer a request without the application, a websocket before it opens."""
    kind = "http"
    if scope["type"] == "websocket":
        if "websocket.http.response" not in scope.get("extensions", {}):
            await send({"type": "websocket.close", "code": 1008})
            return
        kind = "websocket.http"
    await send({"type": f"{kind}.response.start", "status": int(status), "headers": headers})
    await send({"type": f"{kind}.response.body", "body": content})


def header(scope: Scope, name: bytes) -> str:
    """The value of a request's header, "" without one."""
    value: bytes = dict(scope.get("headers", ())).get(name, b"")
    return value.decode("latin-1")


def _keeping_pages_here(send: Send) -> Send:
    """Have browsers load nothing from elsewhere for a page, beside what its server forbids."""
    sources = f"'self' data: blob: {os.environ.get(MAY_LOAD_VARIABLE, '')}".strip()
    policy = (
        f"default-src {sources} 'unsafe-inline' 'unsafe-eval'; "
        "frame-ancestors 'self'; base-uri 'self'; form-action 'self'"
    )

    async def with_headers(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            headers = [*message.get("headers", ()), (b"content-security-policy", policy.encode())]
            message = {**message, "headers": headers}
        await send(message)

    return with_headers


def _is_from_here(scope: Scope) -> bool:
    """Whether a request calls this machine by its own name, and no foreign page has sent it."""
    host, origin = header(scope, b"host"), header(scope, b"origin")
    try:
        if urlsplit(f"//{host}").hostname not in _OWN_NAMES:
            return False
        if origin and urlsplit(origin).netloc != host:
            return False
    except ValueError:  # a bracket without its twin, among others
        return False
    is_opened = header(scope, b"sec-fetch-mode") == "navigate" and scope.get("method") == "GET"
    return is_opened or header(scope, b"sec-fetch-site") in {"", "none", "same-origin"}


def _shows_in_address(scope: Scope, token: str) -> bool:
    query = dict(parse_qsl(scope.get("query_string", b"").decode("latin-1")))
    return scope.get("method") == "GET" and _same(query.get(PARAMETER, ""), token)


def _shows_in_headers(scope: Scope, token: str) -> bool:
    scheme, _, shown = header(scope, b"authorization").partition(" ")
    if scheme.lower() == "bearer" and _same(shown, token):
        return True
    cookies = (part.strip().partition("=") for part in header(scope, b"cookie").split(";"))
    return any(name == _cookie_name(token) and _same(value, token) for name, _, value in cookies)


def _same(shown: str, token: str) -> bool:
    return secrets.compare_digest(shown.encode(), token.encode())


def _cookie_name(token: str) -> str:
    """A name of its own for each server: browsers send cookies to all ports of a machine."""
    return f"spyglass-{hashlib.sha256(token.encode()).hexdigest()[:8]}"


def _cookie(token: str) -> Header:
    settings = "Path=/; HttpOnly; SameSite=Strict"
    return b"set-cookie", f"{_cookie_name(token)}={token}; {settings}".encode()


def _forward(scope: Scope) -> bytes:
    """A page that leads to the address without the token, which history and logs need not keep.

    A redirect would not do: after a link on a page elsewhere, browsers leave out the new cookie.
    """
    query = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
    rest = urlencode([(name, value) for name, value in query if name != PARAMETER])
    path = "/" + scope.get("raw_path", scope["path"].encode()).decode("latin-1").lstrip("/")
    address = html.escape(f"{path}?{rest}" if rest else path)
    return f'<!doctype html><meta http-equiv="refresh" content="0; url={address}">'.encode()


def serve(application: Application, port: int) -> None:
    """Serve an application behind the gate on 127.0.0.1 until this process ends.

    The token is in the environment, where no other user sees it, and is taken out of it.
    """
    import uvicorn

    gate = gated(application, os.environ.pop(TOKEN_VARIABLE))
    uvicorn.run(
        gate,
        host="127.0.0.1",
        port=port,
        log_level="warning",
        access_log=False,  # which would keep the token
        # A page that is left open listens to a stream that never ends.
        timeout_graceful_shutdown=_SHUTDOWN_SECONDS,
    )
