"""The routes of the service as an ASGI application."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from utils.serving.service import label_studio, metrics, openapi, predictions, scenes
from utils.serving.service.access import check_access, check_token
from utils.serving.service.bodies import json_body
from utils.serving.service.challenge import Challenge
from utils.serving.service.front import Front
from utils.serving.service.predictions import MARKUP_POLICY, VERSION_HEADER
from utils.serving.service.refusals import Refused

Endpoint = Callable[[Request, Front], Awaitable[Response]]
_GONE = 499  # what proxies log for a client that has vanished

logger = logging.getLogger("spyglass.service")


def application(front: Front) -> Starlette:
    """The application of a front, which starts and stops with it."""

    @asynccontextmanager
    async def running(_app: Starlette) -> AsyncIterator[None]:
        starting = asyncio.create_task(front.start())
        yield
        await starting
        await front.close()

    table: list[tuple[str, str, Endpoint]] = [
        ("POST", "/predict", predictions.predict),
        ("POST", "/predict/batch", predictions.predict_batch),
        ("GET", "/model", predictions.model),
        ("GET", "/card", predictions.card),
        ("GET", "/test", predictions.test),
        ("GET", "/test/image.png", predictions.test_image),
        ("GET", "/livez", _live),
        ("GET", "/readyz", _ready),
        ("GET", "/healthz", _ready),
        ("GET", "/metrics", _metrics),
        ("POST", "/admin/deploy", _deploy),
        ("POST", "/admin/challenge", _challenge),
        ("GET", "/openapi.json", _openapi),
        ("GET", "/label-studio/health", label_studio.health),
        ("POST", "/label-studio/setup", label_studio.setup),
        ("POST", "/label-studio/predict", label_studio.predict_tasks),
        ("POST", "/label-studio/webhook", label_studio.webhook),
        ("GET", "/label-studio/versions", label_studio.versions),
        ("GET", "/", _page),
        ("POST", "/scenes", scenes.add_scene),
        ("GET", "/scenes", scenes.list_scenes),
        ("GET", "/scenes/{scene}", scenes.scene),
        ("DELETE", "/scenes/{scene}", scenes.remove_scene),
        ("POST", "/scenes/{scene}/cancel", scenes.cancel_scene),
        ("GET", "/scenes/{scene}/objects", scenes.scene_objects),
    ]
    routes = [_route(front, method, path, endpoint) for method, path, endpoint in table]
    handlers: dict[Any, Any] = {HTTPException: _as_json}
    return Starlette(routes=routes, lifespan=running, exception_handlers=handlers)


def _route(front: Front, method: str, path: str, endpoint: Endpoint) -> Route:
    async def answer(request: Request) -> Response:
        started = time.monotonic()
        try:
            check_access(request, front.token, is_loopback=front.is_loopback)
            response = await endpoint(request, front)
        except Refused as refused:
            response = refused.answer()
        except ClientDisconnect:
            response = Response(status_code=_GONE)
        except Exception:
            logger.exception("A request to %s failed.", path)
            response = JSONResponse({"error": "The service failed; see its log."}, 500)
        if front.facts:
            response.headers.setdefault(VERSION_HEADER, front.facts["version"])
        seconds = time.monotonic() - started
        front.metrics.answered(path, method, response.status_code, seconds)
        if response.status_code >= 400:
            front.notes.refused(path, front.facts, response.status_code, seconds)
        return response

    return Route(path, answer, methods=[method], name=endpoint.__name__)


async def _as_json(_request: Request, error: HTTPException) -> Response:
    sentence = {
        404: "There is no such page; GET /openapi.json lists all.",
        405: "This page does not take this method; GET /openapi.json lists all.",
    }.get(error.status_code, HTTPStatus(error.status_code).phrase)
    return JSONResponse({"error": sentence}, error.status_code, headers=error.headers)


async def _live(_request: Request, _front: Front) -> Response:
    return JSONResponse({"live": True})


async def _ready(_request: Request, front: Front) -> Response:
    if front.problem:
        told = {"ready": False, "refused": front.is_refused, "error": front.problem}
        return JSONResponse(told, 503, {"Retry-After": "1"})
    told = {name: front.facts[name] for name in ("model", "version", "digest")}
    return JSONResponse({"ready": True, **told})


async def _metrics(_request: Request, front: Front) -> Response:
    served = (front.facts["model"], front.facts["version"]) if front.facts else None
    front.metrics.watched(front.notes.last_look(), front.notes.lost())
    page = front.metrics.page(
        waiting=front.in_hand,
        restarts=front.restarts,
        scenes=front.jobs.counts,
        served=served,
        challenger=front.challenges.gauge,
    )
    return Response(page, headers={"Content-Type": metrics.CONTENT_TYPE})


async def _openapi(_request: Request, front: Front) -> Response:
    return JSONResponse(_api(front))


async def _page(_request: Request, front: Front) -> Response:
    policy = {"Content-Security-Policy": MARKUP_POLICY}
    return HTMLResponse(openapi.page(_api(front)), headers=policy)


def _api(front: Front) -> dict[str, Any]:
    return openapi.description(front.facts.get("model", ""), front.facts.get("version", ""))


async def _deploy(request: Request, front: Front) -> Response:
    """`POST /admin/deploy`: serve another bundle, `{"bundle": PATH}`."""
    check_token(request, front.admin_token)
    wanted = await json_body(request, front.limits)
    if not isinstance(wanted.get("bundle"), str):
        raise Refused(400, 'Name the bundle: {"bundle": PATH}.')
    return JSONResponse(await front.deploy(Path(wanted["bundle"])))


async def _challenge(request: Request, front: Front) -> Response:
    """`POST /admin/challenge`: run another bundle beside; `{"bundle": null}` ends it."""
    check_token(request, front.admin_token)
    wanted = await json_body(request, front.limits)
    if wanted.get("bundle") is None:
        return JSONResponse({"ended": await front.challenges.end()})
    try:
        challenge = Challenge.model_validate(wanted)
    except ValidationError as error:
        raise Refused(400, _first_problem(error)) from None
    return JSONResponse(await front.challenge(challenge))


def _first_problem(error: ValidationError) -> str:
    fault = error.errors()[0]
    place = ".".join(str(part) for part in fault["loc"])
    told = fault["msg"].removeprefix("Value error, ")
    return f"{place}: {told}" if place else told
