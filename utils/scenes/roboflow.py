"""A version of a project on Roboflow, downloaded as a zip and read as what it holds.

The interface of Roboflow: `GET /WORKSPACE/PROJECT/VERSION/FORMAT?api_key=KEY` answers 202 while it
makes the export, then 200 with the address of a zip. Key and address are secrets: neither is logged
or shown.
"""

from __future__ import annotations

import json
import os
import time
import zipfile
from collections.abc import Mapping
from hashlib import sha256
from http import HTTPStatus
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import quote, urlsplit
from urllib.request import Request, urlopen

from filelock import FileLock

from utils import interrupts
from utils.errors import SourceError
from utils.paths import local_folder
from utils.progress import progress
from utils.scenes.archives import folder_of_file, is_damage
from utils.scenes.common_options import CommonSourceOptions
from utils.scenes.options import (
    ClassesSource,
    CocoSource,
    RoboflowSource,
    SourceOptions,
    VocSource,
    YoloSource,
)
from utils.storage.disk import disk_faults

KEY_VARIABLE = "ROBOFLOW_API_KEY"
ADDRESS_VARIABLE = "ROBOFLOW_API_URL"
_ADDRESS = "https://api.roboflow.com"
_KINDS: Mapping[str, type[ClassesSource | CocoSource | VocSource | YoloSource]] = {
    "coco": CocoSource,
    "coco-segmentation": CocoSource,
    "yolov8": YoloSource,
    "yolov8-obb": YoloSource,
    "yolov11": YoloSource,
    "voc": VocSource,
    "folder": ClassesSource,
}
_ANSWER_SECONDS = 60
_BETWEEN_QUESTIONS = 2.0
_LONGEST_WAIT = 3600.0
_ATTEMPTS = 4
_CHUNK = 1 << 20
_NAME_LENGTH = 16


def on_disk(options: RoboflowSource) -> SourceOptions:
    """Download a version unless it is here, and return the options of the folder that it holds.

    Raises:
        SourceError: If the key, the project or the version is wrong, Roboflow cannot be reached, or
            the export cannot be unpacked safely.
    """
    folder = local_folder("cache", "roboflow", options.workspace, options.project)
    archive = folder / f"{options.version}-{options.format}" / f"{options.project}.zip"
    archive.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(archive.with_suffix(".lock")):
        if not archive.is_file():
            _download(_link(options), archive)
    common = {name: getattr(options, name) for name in CommonSourceOptions.model_fields}
    common["name"] = options.name or options.project
    try:
        folder = folder_of_file(archive)
    except SourceError as error:
        if not is_damage(error.__cause__):
            raise
        archive.unlink(missing_ok=True)
        raise SourceError(
            f"Roboflow's export of {options.project} came damaged, and was removed. Run this "
            "again: it is downloaded anew."
        ) from None
    return _KINDS[options.format](path=str(folder), **common)


def _link(options: RoboflowSource) -> str:
    """The address of the zip, once Roboflow has made it."""
    key = os.environ.get(KEY_VARIABLE)
    if not key:
        raise SourceError(
            f"Roboflow asks for an API key. Set {KEY_VARIABLE} to yours, from "
            "app.roboflow.com/settings/api."
        )
    address = os.environ.get(ADDRESS_VARIABLE, _ADDRESS).rstrip("/")
    place = f"{options.workspace}/{options.project}/{options.version}/{options.format}"
    url = f"{address}/{place}?api_key={quote(key, safe='')}"
    started, shown = time.monotonic(), 0
    with progress(f"Waiting for Roboflow's export of {place} (per cent)", 100) as advance:
        while time.monotonic() - started < _LONGEST_WAIT:
            status, content = _ask(url, options)
            if status == HTTPStatus.OK:
                return _address_in(content, place)
            done = int(100 * _number(content.get("progress")))
            advance(max(done - shown, 0))
            shown = max(done, shown)
            time.sleep(_BETWEEN_QUESTIONS)
            interrupts.check()
    raise SourceError(f"Roboflow has not made the export of {place} within an hour. Try it later.")


def _ask(url: str, options: RoboflowSource) -> tuple[int, dict[str, Any]]:
    place = f"{options.workspace}/{options.project}/{options.version}"
    try:
        with urlopen(url, timeout=_ANSWER_SECONDS) as answer:  # noqa: S310 (http or https)
            content = json.loads(answer.read())
            return answer.status, content if isinstance(content, dict) else {}
    except HTTPError as error:
        raise SourceError(_refusal(error.code, place, options.format)) from None
    except (URLError, HTTPException, OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        raise SourceError(
            f"Roboflow ({urlsplit(url).netloc}) did not answer ({type(reason).__name__}). Check "
            "the network, or download the export yourself and read its folder."
        ) from None


def _refusal(status: int, place: str, form: str) -> str:
    if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        return f"Roboflow refuses the key in {KEY_VARIABLE} for {place}. Set one of its workspace."
    if status == HTTPStatus.NOT_FOUND:
        return (
            f"Roboflow knows no {place} as {form}. Correct source.workspace, source.project, "
            "source.version or source.format, as its address in the browser has them."
        )
    return f"Roboflow answered {status} for {place}. Try it later, or another source.format."


def _address_in(content: Mapping[str, Any], place: str) -> str:
    export = content.get("export")
    link = export.get("link") if isinstance(export, Mapping) else None
    if not isinstance(link, str) or urlsplit(link).scheme not in ("http", "https"):
        raise SourceError(f"Roboflow's answer for {place} names no download. Try it later.")
    return link


def _number(value: object) -> float:
    return min(max(float(value), 0.0), 1.0) if isinstance(value, int | float) else 0.0


def _download(link: str, archive: Path) -> None:
    """Download a file; a connection that breaks goes on where it was, in a later run as well."""
    # An export that was made anew has another address; its bytes go on nothing that came before.
    address = sha256(urlsplit(link).path.encode()).hexdigest()[:_NAME_LENGTH]
    partial = archive.with_suffix(f".{address}.partial")
    for other in archive.parent.glob("*.partial"):
        if other != partial:
            other.unlink(missing_ok=True)
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            with disk_faults(archive.parent):
                _fetch_rest(link, partial)
            break
        except (URLError, HTTPException, OSError) as error:
            if getattr(error, "code", 0) == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
                break  # all of it was there
            if attempt == _ATTEMPTS or isinstance(error, HTTPError):
                reason = getattr(error, "code", type(error).__name__)
                raise SourceError(
                    f"The download from Roboflow broke off ({reason}). Run this again: it goes on "
                    "where it stopped."
                ) from None
    if not zipfile.is_zipfile(partial):
        size = partial.stat().st_size
        partial.unlink()
        raise SourceError(f"Roboflow sent {size} bytes that are no zip. Run this again.")
    os.replace(partial, archive)


def _fetch_rest(link: str, partial: Path) -> None:
    there = partial.stat().st_size if partial.is_file() else 0
    request = Request(link, headers={"Range": f"bytes={there}-"} if there else {})  # noqa: S310
    with urlopen(request, timeout=_ANSWER_SECONDS) as answer:  # noqa: S310
        goes_on = answer.status == HTTPStatus.PARTIAL_CONTENT
        total = _length(answer) + (there if goes_on else 0)
        with (
            progress("Downloading from Roboflow (MB)", total >> 20 or None) as advance,
            partial.open("ab" if goes_on else "wb") as file,
        ):
            while chunk := answer.read(_CHUNK):
                file.write(chunk)
                advance(len(chunk) >> 20)
    if total and partial.stat().st_size < total:
        raise ConnectionError("the file is not whole")


def _length(answer: HTTPResponse) -> int:
    length = answer.headers.get("Content-Length", "")
    return int(length) if length.isdecimal() else 0
