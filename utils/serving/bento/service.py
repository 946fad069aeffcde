"""The entry of BentoML: `bentoml serve BUNDLE` answers as the bundle's own service does.

BentoML's pages are not shown: its front page loads scripts of another company.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import bentoml
from starlette.types import ASGIApp, Receive, Scope, Send

from utils.serving.service.app import application
from utils.serving.service.front import Front
from utils.serving.service.limits import Limits

_FOLDER = Path(__file__).resolve().parent
# Holds the access token, which every client must show: who listens is BentoML's to decide.
_STATE = "SPYGLASS_SERVICE_STATE"
_ANYWHERE = "0.0.0.0"  # noqa: S104 (nothing listens by it; it makes the token necessary)


class PackedService:
    """An ASGI middleware that answers every request itself.

    Its workers start with the first request, as BentoML starts no application but its own.
    """

    def __init__(self, app: ASGIApp) -> None:
        """Keep BentoML's application, which still starts and stops with the process."""
        self._app = app
        self._own: Any = None
        self._starting = asyncio.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        async with self._starting:
            if self._own is None:
                self._own = await _started()
        await self._own(scope, receive, send)


async def _started() -> ASGIApp:
    """The application of the service, with its workers starting."""
    state = Path(os.environ.get(_STATE) or mkdtemp(prefix="detector-")).absolute()
    state.mkdir(mode=0o700, parents=True, exist_ok=True)
    threads = os.cpu_count() or 1
    front = Front(_FOLDER, state, Limits(), workers=1, threads=threads, host=_ANYWHERE)
    app = application(front)
    # Left running until the process ends, and the workers with it.
    await app.router.lifespan_context(app).__aenter__()
    return app


@bentoml.service(name="detector", workers=1, traffic={"timeout": 3600})
class Detector:
    """The detector of this bundle; `GET /` and `GET /model` tell more."""


packed: Any = Detector  # what the decorator has made of the class
packed.add_asgi_middleware(PackedService)
