"""Label Studio's contract for models, so that a project can ask the service for predictions.

The service is connected under Settings, Model, with the address `ADDRESS/label-studio`.
"""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from utils.serving.service.bodies import json_body
from utils.serving.service.front import Front
from utils.serving.service.refusals import Refused, busy


async def health(request: Request, front: Front) -> Response:  # noqa: ARG001
    """`GET /label-studio/health`."""
    if front.problem:
        raise busy(front.problem, 5, status=503)
    return JSONResponse({"status": "UP", "model_class": front.facts["model"]})


async def setup(request: Request, front: Front) -> Response:
    """`POST /label-studio/setup`: refuse a project that cannot show what the model finds."""
    wanted = await json_body(request, front.limits)
    question = {"ask": "label_studio_setup", "config": str(wanted.get("schema", ""))}
    facts, _ = await front.ask(question)
    return JSONResponse({"model_version": _version(facts)})


async def versions(request: Request, front: Front) -> Response:  # noqa: ARG001
    """`GET /label-studio/versions`."""
    front.pool  # noqa: B018 - refused before there is one
    return JSONResponse({"versions": [_version(front.facts)]})


async def webhook(request: Request, front: Front) -> Response:
    """`POST /label-studio/webhook`: training has a pipeline of its own."""
    await json_body(request, front.limits)
    return JSONResponse({"status": "ignored"})


async def predict_tasks(request: Request, front: Front) -> Response:
    """`POST /label-studio/predict`: regions for each task; a task that fails has none."""
    wanted = await json_body(request, front.limits)
    tasks, config = wanted.get("tasks"), str(wanted.get("label_config", ""))
    if not isinstance(tasks, list) or not all(isinstance(task, dict) for task in tasks):
        raise Refused(400, 'Name the tasks: {"tasks": [{"id": 1, "data": {"image": "..."}}]}.')
    results = []
    for task in tasks:  # one after the other: Label Studio sends pages of them
        started = time.monotonic()
        try:
            results.append(await _regions(task, config, front))
        except Refused as refused:
            if len(tasks) == 1:
                raise
            took = time.monotonic() - started
            front.notes.refused("/label-studio/predict", front.facts, refused.status, took)
            results.append({"error": refused.sentence})
    return JSONResponse({"results": results})


async def _regions(task: dict[str, Any], config: str, front: Front) -> dict[str, Any]:
    image = await asyncio.to_thread(
        front.task_images.fetch, task, front.incoming, front.limits.body_bytes
    )
    try:
        question = {
            "ask": "label_studio",
            "route": "/label-studio/predict",
            "file": str(image),
            "config": config,
            "most_pixels": front.limits.image_pixels,
        }
        facts, (_, body) = await front.ask(question)
    finally:
        image.unlink(missing_ok=True)
    return {**json.loads(body), "model_version": _version(facts)}


def _version(facts: dict[str, Any]) -> str:
    return f"{facts['model']} {facts['version']}"
