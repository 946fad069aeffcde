"""Routes of scenes: giant images, predicted in the background, whose results stream."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.types import Send

from utils.serving.service.bodies import json_body
from utils.serving.service.front import Front
from utils.serving.service.jobs import Job, Jobs, State
from utils.serving.service.options import prediction_options
from utils.serving.service.predictions import VERSION_HEADER
from utils.serving.service.refusals import Refused
from utils.serving.service.scene_files import FEATURES, OBJECTS
from utils.serving.service.uploads import full_disk_refused, receive_images

NDJSON, GEOJSON_SEQUENCE = "application/x-ndjson", "application/geo+json-seq"
_RECORD_SEPARATOR = b"\x1e"  # RFC 8142
_BETWEEN_LOOKS = 0.1  # seconds
_AT_ONCE = 1 << 18


async def add_scene(request: Request, front: Front) -> Response:
    """`POST /scenes`: predict an upload, or a file at an address that is allowed."""
    facts, bundle = front.facts, front.pool.bundle
    room = front.jobs.check_room()
    if request.headers.get("content-type", "").partition(";")[0].strip() == "application/json":
        wanted = await json_body(request, front.limits)
        given = dict(request.query_params) | {
            name: ",".join(map(str, value)) if isinstance(value, list) else str(value)
            for name, value in wanted.items()
            if name != "address"
        }
        options = prediction_options(given, facts["class_names"])
        source = front.addresses.source_at(wanted.get("address"))
        with full_disk_refused():
            job = front.jobs.add(facts, bundle, options, source, is_upload=False)
    else:
        upload = await receive_images(
            request, front.incoming, front.limits, most_bytes=front.limits.scene_bytes, room=room
        )
        try:
            options = prediction_options(upload.options, facts["class_names"])
            front.jobs.check_room()  # again, since an upload takes its time
            with full_disk_refused():
                job = front.jobs.add(facts, bundle, options, str(upload.images[0]), is_upload=True)
        finally:
            upload.discard()
    headers = {"Location": f"/scenes/{job.id}", VERSION_HEADER: job.version}
    return JSONResponse(_told(front.jobs, job), 202, headers)


async def list_scenes(request: Request, front: Front) -> Response:  # noqa: ARG001
    """`GET /scenes`: all scenes and their states."""
    return JSONResponse({"scenes": [_told(front.jobs, job) for job in front.jobs.all]})


async def scene(request: Request, front: Front) -> Response:
    """`GET /scenes/ID`: state and progress."""
    return _answer(front, _job(request, front))


async def cancel_scene(request: Request, front: Front) -> Response:
    """`POST /scenes/ID/cancel`: stop a scene, and keep what was found so far."""
    return _answer(front, front.jobs.cancel(_job(request, front)))


async def remove_scene(request: Request, front: Front) -> Response:
    """`DELETE /scenes/ID`: stop a scene, and remove its results."""
    front.jobs.remove(_job(request, front))
    return JSONResponse({"removed": True})


async def scene_objects(request: Request, front: Front) -> Response:
    """`GET /scenes/ID/objects`: the objects, one a line, while the scene is predicted."""
    job = _job(request, front)
    accept = request.headers.get("accept", "")
    is_geojson = GEOJSON_SEQUENCE in accept
    known = ("*/*", "application/*", NDJSON, GEOJSON_SEQUENCE)
    if accept and not any(one in accept for one in known):
        raise Refused(406, f"The answer can be {NDJSON} or {GEOJSON_SEQUENCE}.")
    skipped = request.query_params.get("skip", "0")
    if not skipped.isdigit():
        raise Refused(400, "skip must be a number of objects.")
    if is_geojson:
        await _check_georeferenced(front.jobs, job)
    lines = _lines(front, job, FEATURES if is_geojson else OBJECTS, int(skipped))
    content = _as_sequence(lines) if is_geojson else lines
    headers = {VERSION_HEADER: job.version, "Cache-Control": "no-store"}
    kind = GEOJSON_SEQUENCE if is_geojson else NDJSON
    return _Stream(content, headers=headers, media_type=kind)


def _job(request: Request, front: Front) -> Job:
    return front.jobs.job(request.path_params["scene"])


def _answer(front: Front, job: Job) -> Response:
    headers = {VERSION_HEADER: job.version}
    if not job.state.is_final:
        headers["Retry-After"] = "1"
    return JSONResponse(_told(front.jobs, job), headers=headers)


def _told(jobs: Jobs, job: Job) -> dict[str, Any]:
    """The answer about a job."""
    told: dict[str, Any] = {
        "id": job.id,
        "state": job.state.value,
        "model": job.model,
        "version": job.version,
        "kind": job.kind,
        "options": job.options,
        "objects_at": f"/scenes/{job.id}/objects",
    }
    if job.error:
        told["error"] = job.error
    if job.state is State.WAITING:
        told["before"] = jobs.waits_before(job)
    if progress := jobs.progress(job):
        told |= {
            "width": progress.width,
            "height": progress.height,
            "windows": progress.windows,
            "windows_done": progress.windows_done,
            "objects": progress.objects,
            "seconds": round(progress.seconds, 1),
            "georeferenced": FEATURES in progress.lengths,
        }
    return told


async def _check_georeferenced(jobs: Jobs, job: Job) -> None:
    """Wait for the first row of a scene, which tells whether it is georeferenced."""
    while (progress := jobs.progress(job)) is None and not _is_over(jobs, job):
        await asyncio.sleep(_BETWEEN_LOOKS)
    if progress is not None and FEATURES not in progress.lengths:
        raise Refused(
            422,
            "The scene is not georeferenced, so that GeoJSON cannot hold its objects. Ask for "
            f"{NDJSON}.",
        )


class _BrokenOff(Exception):  # noqa: N818 - an event
    """A stream that ends before its end."""


class _Stream(StreamingResponse):
    """A stream that may be broken off, so that nobody takes it for whole."""

    async def stream_response(self, send: Send) -> None:
        try:
            await super().stream_response(send)
        except _BrokenOff:
            return  # without a last part, so that the connection is closed


async def _lines(front: Front, job: Job, name: str, skipped: int) -> AsyncIterator[bytes]:
    """Yield the lines of a file as far as they are final, until the job is over.

    Raises:
        _BrokenOff: If the scene fails or is removed, or the service stops.
    """
    jobs, position = front.jobs, 0
    place = jobs.place(job) / name
    while True:
        is_over = _is_over(jobs, job)  # looked at first: what is final then was written before
        progress = jobs.progress(job)
        committed = progress.lengths.get(name, 0) if progress else 0
        while position < committed:
            content = _read(place, position, committed)
            position += len(content)
            while skipped and content:
                _, _, content = content.partition(b"\n")
                skipped -= 1
            if content:
                yield content
        if is_over:
            break
        if front.is_stopping:
            raise _BrokenOff
        await asyncio.sleep(_BETWEEN_LOOKS)
    if jobs.job(job.id).state is not State.DONE:
        raise _BrokenOff


def _read(place: Path, position: int, committed: int) -> bytes:
    """The next whole lines."""
    with place.open("rb") as stream:
        stream.seek(position)
        content = stream.read(min(committed - position, _AT_ONCE))
        if not content.endswith(b"\n"):
            content += stream.readline()
    return content


def _is_over(jobs: Jobs, job: Job) -> bool:
    try:
        return jobs.job(job.id).state.is_final
    except Refused:  # it was removed
        raise _BrokenOff from None


async def _as_sequence(lines: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    async for content in lines:
        yield b"".join(_RECORD_SEPARATOR + line for line in content.splitlines(keepends=True))
