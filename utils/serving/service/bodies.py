"""Small bodies of JSON."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from starlette.requests import Request

from utils.serving.service.limits import Limits
from utils.serving.service.refusals import Refused

_MOST_BYTES = 8 << 20


async def json_body(request: Request, limits: Limits) -> dict[str, Any]:
    """The JSON object in the body of a request.

    Raises:
        Refused: If there is none, or the body is too large or too slow.
    """
    content = bytearray()
    stream = request.stream()
    try:
        async with asyncio.timeout(limits.silent_seconds):
            async for part in stream:
                content += part
                if len(content) > _MOST_BYTES:
                    raise Refused(413, f"The body has more than {_MOST_BYTES:,} bytes.")
    except TimeoutError:
        sentence = "The body of the request came too slowly."
        raise Refused(408, sentence, {"Connection": "close"}) from None
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise Refused(400, "The body is no JSON object.")
    return value
