"""Who may ask: a token, and no web page from elsewhere."""

from __future__ import annotations

import base64
import binascii
import hmac
import os
import secrets
from pathlib import Path
from urllib.parse import urlsplit

from starlette.requests import Request

from utils.serving.service.refusals import Refused

ADMIN_FILE = "admin.token"
TOKEN_FILE = "access.token"  # noqa: S105 (the name of a file)
TOKEN_VARIABLE = "SPYGLASS_SERVICE_TOKEN"  # noqa: S105 (the name of a variable)
ACCESS_VARIABLE = "SPYGLASS_SERVICE_ACCESS"
LOOPBACK = ("127.0.0.1", "::1", "localhost")
# Answered without a token: they tell nothing.
_OPEN = ("/livez", "/readyz", "/healthz")
_TOKEN_BYTES = 32


def service_token(state: Path, *, is_loopback: bool) -> str:
    """The token that clients show; empty where none is needed.

    The variable SPYGLASS_SERVICE_TOKEN has it in a container, whose files nobody sees. With
    SPYGLASS_SERVICE_ACCESS=open none is asked for: the cloud in front lets in only whom it knows.

    Args:
        state: Folder of the state, which holds the token otherwise.
        is_loopback: Whether the service listens on this machine only.
    """
    if is_loopback or os.environ.get(ACCESS_VARIABLE) == "open":
        return ""
    return os.environ.get(TOKEN_VARIABLE, "").strip() or token_in(state / TOKEN_FILE)


def token_in(path: Path) -> str:
    """The token in a file, made up on first use; only the owner can read it."""
    try:
        return path.read_text().strip()
    except FileNotFoundError:
        token = secrets.token_urlsafe(_TOKEN_BYTES)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as stream:
            stream.write(token)
        return token


def check_access(request: Request, token: str, *, is_loopback: bool) -> None:
    """Refuse a request without the token, or sent by a web page from elsewhere.

    Args:
        request: The request.
        token: The token; empty if none is needed.
        is_loopback: Whether the service listens on this machine only. A page elsewhere may have
            made its own name point here, so it is called by no other name then.

    Raises:
        Refused: If it may not ask.
    """
    own = request.headers.get("host", "")
    if is_loopback and (urlsplit(f"//{own}").hostname or "") not in LOOPBACK:
        raise Refused(403, "This service is called by the names of this machine only.")
    origin = request.headers.get("origin")
    if origin is not None and urlsplit(origin).netloc != own:
        raise Refused(403, "This service answers no web page from elsewhere.")
    if token and request.url.path not in _OPEN:
        check_token(request, token)


def check_token(request: Request, token: str) -> None:
    """Refuse a request that does not show a token, as a bearer or as a password.

    Raises:
        Refused: If it does not.
    """
    if not hmac.compare_digest(_shown(request).encode(), token.encode()):
        raise Refused(
            401,
            "The token is missing or wrong: send the header Authorization: Bearer TOKEN.",
            {"WWW-Authenticate": "Bearer"},
        )


def _shown(request: Request) -> str:
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return value.strip()
    if scheme.lower() == "basic":  # as Label Studio sends it
        try:
            decoded = base64.b64decode(value, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            return ""
        return decoded.partition(":")[2]
    return ""
