"""Routes that predict: one image, several images, the test image."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response

from utils.serving.service.challenge import Turn
from utils.serving.service.forms import Form, wanted_form
from utils.serving.service.frames import Header
from utils.serving.service.front import Front
from utils.serving.service.options import prediction_options
from utils.serving.service.refusals import Refused
from utils.serving.service.uploads import receive_images

VERSION_HEADER = "X-Model-Version"
MARKUP_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"


async def predict(request: Request, front: Front) -> Response:
    """`POST /predict`: the objects of one image."""
    form = wanted_form(request.headers.get("accept", ""))
    front.pool  # noqa: B018 - refused before the image is received
    upload = await receive_images(
        request, front.incoming, front.limits, most_bytes=front.limits.body_bytes
    )
    try:
        question = _question(front, upload.images[0], upload.options, form, "/predict")
        facts, (header, body) = await front.ask(question, turn=front.challenges.turn())
    finally:
        upload.discard()
    return Response(body, 200, {VERSION_HEADER: facts["version"]}, header["type"])


async def predict_batch(request: Request, front: Front) -> Response:
    """`POST /predict/batch`: the objects of several images, or what is wrong with each."""
    front.pool  # noqa: B018
    upload = await receive_images(
        request,
        front.incoming,
        front.limits,
        most_bytes=front.limits.body_bytes,
        most_images=front.limits.batch_images,
    )
    count = len(upload.images)
    turn = front.challenges.turn()  # one for all, so that one version answers the request

    async def by_champion(question: Header, turn: Turn) -> dict[str, Any]:
        started = time.monotonic()
        try:
            _, (_, body) = await front.ask(question, turn=replace(turn, canary=False))
            answer: dict[str, Any] = json.loads(body)
        except Refused as refused:
            if refused.status in (429, 503) and count == 1:
                raise
            took = time.monotonic() - started
            front.notes.refused("/predict/batch", front.facts, refused.status, took)
            return {"error": refused.sentence, "status": refused.status}
        return answer

    try:
        questions = [
            _question(front, image, upload.options, Form.JSON, "/predict/batch")
            for image in upload.images
        ]
        turns = [replace(turn) for _ in questions]
        frames = await front.ask_challenger_alone(questions, turns)
        if frames is not None:
            return JSONResponse({"results": [json.loads(body) for _, body in frames]})
        results = await asyncio.gather(*map(by_champion, questions, turns))
    finally:
        upload.discard()
    return JSONResponse({"results": results})


def _question(
    front: Front, image: Path, options: dict[str, str], form: Form, route: str
) -> dict[str, Any]:
    return {
        "ask": "predict",
        "route": route,
        "file": str(image),
        "options": prediction_options(options, front.facts["class_names"]),
        "form": form.value,
        "most_pixels": front.limits.image_pixels,
    }


async def test(request: Request, front: Front) -> Response:
    """`GET /test`: what must be found on the packed image, and what is found now."""
    facts, (_, body) = await front.ask({"ask": "test"})
    content = json.loads(body)
    told = {"image": str(request.url_for("test_image").path), **content}
    named = {name: facts[name] for name in ("model", "version", "kind")}
    return JSONResponse({**named, **told}, headers={VERSION_HEADER: facts["version"]})


async def test_image(request: Request, front: Front) -> Response:  # noqa: ARG001
    """`GET /test/image.png`: the packed image."""
    return FileResponse(front.pool.bundle / "test" / "image.png")


async def model(request: Request, front: Front) -> Response:  # noqa: ARG001
    """`GET /model`: facts about the bundle in service, and its card."""
    card = front.pool.bundle / "card.md"
    text = card.read_text(encoding="utf-8") if card.is_file() else ""
    forms = list(Form)
    told = {**front.facts, "answers": forms, "challenger": front.challenges.facts, "card": text}
    return JSONResponse(told)


async def card(request: Request, front: Front) -> Response:  # noqa: ARG001
    """`GET /card`: the card as a page."""
    page = front.pool.bundle / "card.html"
    if not page.is_file():
        raise Refused(404, "The bundle has no card.")
    return FileResponse(page, headers={"Content-Security-Policy": MARKUP_POLICY})
