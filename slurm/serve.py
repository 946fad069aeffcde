"""ZenML's server for the jobs of one process: `python -m slurm.serve <host> <port>`.

A request with the token may do everything, any other nothing. It ends with the process that
started it.
"""

from __future__ import annotations

import json
import os
import secrets
import sys
import threading
import time
from http import HTTPStatus

from utils.gate import Application, Receive, Scope, Send, refuse

# Paths that a client asks before it shows the token; they answer with versions only.
_OPEN = {"/ready", "/health", "/api/v1/info"}
_POLL_SECONDS = 1.0
_JSON = [(b"content-type", b"application/json")]
# In ZenML's own form: its client shows the token only after such a refusal.
_REFUSAL = json.dumps(
    {"detail": ["CredentialsNotValid", "The token is missing or wrong."]}
).encode()


def guarded(application: Application, token: str) -> Application:
    """Wrap an ASGI application so that it needs the token."""
    expected = f"Bearer {token}".encode()

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan" or scope["path"] in _OPEN or _shows(scope, expected):
            await application(scope, receive, send)
            return
        await refuse(scope, send, HTTPStatus.UNAUTHORIZED, _REFUSAL, _JSON)

    return answer


def _shows(scope: Scope, expected: bytes) -> bool:
    shown = dict(scope.get("headers", ())).get(b"authorization", b"")
    return secrets.compare_digest(shown, expected)


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_POLL_SECONDS)
    os._exit(0)


def main(host: str, port: int) -> None:
    """Serve on an address of this machine until the process that started this one ends."""
    import uvicorn
    from zenml.zen_server.zen_server_api import app

    parent = int(os.environ["SPYGLASS_STORE_PARENT"])
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    application = guarded(app, os.environ.pop("SPYGLASS_STORE_TOKEN"))
    uvicorn.run(application, host=host, port=port, log_level="warning")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
