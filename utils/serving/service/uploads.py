"""Bodies of requests, written to files as they come, never whole in memory."""

from __future__ import annotations

import asyncio
import errno
import os
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO
from uuid import uuid4

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import ClientDisconnect, Request

from utils.serving.service.limits import Limits
from utils.serving.service.refusals import Refused

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

IMAGE_FIELD = "image"
_ONLY_SUFFIX = ".tga"
_TGA = (b"image/tga", b"image/x-tga", b"image/x-targa")
_LONGEST_OPTION = 4096
_BUFFER_BYTES = 1 << 18
_MOST_OPTIONS = 32
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_HINT = (
    "Send the image as the body, with a Content-Type such as image/png or "
    f"application/octet-stream, or as the field '{IMAGE_FIELD}' of a multipart/form-data form."
)


@dataclass(slots=True)
class Upload:
    """Images of a request, and its options.

    Attributes:
        images: The files, in order; the caller deletes them.
        options: Options by name.
    """

    images: list[Path] = field(default_factory=list)
    options: dict[str, str] = field(default_factory=dict)

    def discard(self) -> None:
        """Delete the files."""
        for image in self.images:
            image.unlink(missing_ok=True)


async def receive_images(
    request: Request,
    folder: Path,
    limits: Limits,
    *,
    most_bytes: int,
    most_images: int = 1,
    room: int | None = None,
) -> Upload:
    """Write the images of a request to files.

    Args:
        request: The request, with a raw body or a form.
        folder: Folder of the files.
        limits: Limits on time.
        most_bytes: Largest body.
        most_images: Maximum number of images.
        room: Bytes that are left for it on the disk, where that is limited.

    Raises:
        Refused: If there is no image, or too many or too large ones, or the disk is full.
        ClientDisconnect: If the client vanishes; nothing is left.
    """
    length = request.headers.get("content-length", "")
    if length.isdigit() and int(length) > most_bytes:
        raise _too_large(most_bytes)
    kind, parameters = parse_options_header(request.headers.get("content-type", ""))
    upload = Upload(options=dict(request.query_params))
    try:
        with full_disk_refused():
            chunks = _chunks(request, limits, most_bytes, room)
            if kind == b"multipart/form-data":
                await _receive_form(chunks, parameters, upload, folder, most_images)
            elif not kind or kind.startswith(b"image/") or kind == b"application/octet-stream":
                await _receive_raw(chunks, upload, folder, kind)
            else:
                name = kind.decode("latin-1")[:100]
                raise Refused(415, f"The Content-Type '{name}' is no image. {_HINT}")
        if not upload.images:
            raise Refused(400, f"The form has no field '{IMAGE_FIELD}'. {_HINT}")
        if any(not image.stat().st_size for image in upload.images):
            raise Refused(400, f"The image has zero bytes. {_HINT}")
    except BaseException:
        upload.discard()
        raise
    return upload


@contextmanager
def full_disk_refused() -> Iterator[None]:
    """Answer 507 for a full disk."""
    try:
        yield
    except OSError as error:
        if error.errno not in _FULL:
            raise
        raise full_disk() from None


def full_disk() -> Refused:
    """The answer when there is no room."""
    return Refused(507, "The disk of the service is full; ask its owner for room.")


def _too_large(most: int) -> Refused:
    return Refused(
        413,
        f"The body has more than {most:,} bytes, the most that is taken here; larger images go to "
        "POST /scenes.",
    )


async def _chunks(
    request: Request, limits: Limits, most_bytes: int, room: int | None
) -> AsyncIterator[bytes]:
    """Yield the body in parts, as long as it comes fast enough and is not too large."""
    stream = request.stream()
    started, total = time.monotonic(), 0
    while True:
        try:
            part = await asyncio.wait_for(anext(stream), limits.silent_seconds)
        except StopAsyncIteration:
            return
        except TimeoutError:
            raise _too_slow() from None
        total += len(part)
        if total > most_bytes:
            raise _too_large(most_bytes)
        if room is not None and total > room:
            raise full_disk()
        waited = time.monotonic() - started - limits.silent_seconds
        if waited > 0 and total < waited * limits.slowest_bytes:
            raise _too_slow()
        if part:
            yield part


def _too_slow() -> Refused:
    return Refused(408, "The body of the request came too slowly.", {"Connection": "close"})


async def _receive_raw(
    chunks: AsyncIterator[bytes], upload: Upload, folder: Path, kind: bytes
) -> None:
    with _new_file(folder, upload, _ONLY_SUFFIX if kind in _TGA else "") as file:
        async for part in chunks:
            file.write(part)


def _new_file(folder: Path, upload: Upload, name: str) -> BinaryIO:
    # The client's name is not used: only the suffix of a format that has no other sign.
    path = folder / (uuid4().hex + _ONLY_SUFFIX * name.lower().endswith(_ONLY_SUFFIX))
    upload.images.append(path)
    return os.fdopen(
        os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb", _BUFFER_BYTES
    )


async def _receive_form(
    chunks: AsyncIterator[bytes],
    parameters: Mapping[bytes, bytes],
    upload: Upload,
    folder: Path,
    most_images: int,
) -> None:
    form = _Form(upload, folder, most_images)
    try:
        parser = MultipartParser(parameters.get(b"boundary", b""), form.callbacks())
        async for part in chunks:
            parser.write(part)
        parser.finalize()
    except FormParserError:
        form.is_whole = False
    finally:
        form.close()
    if not form.is_whole:
        raise Refused(400, "The form ends early or is no multipart/form-data.")


class _Form:
    """The fields of a form as they come: images go to files, everything else is an option.

    Attributes:
        is_whole: Whether the end of the form came.
    """

    def __init__(self, upload: Upload, folder: Path, most_images: int) -> None:
        self._upload = upload
        self._folder = folder
        self._most_images = most_images
        self._header_name = b""
        self._header_value = b""
        self._disposition = b""
        self._name = ""
        self._option = b""
        self._file: BinaryIO | None = None
        self.is_whole = False

    def callbacks(self) -> MultipartCallbacks:
        """The functions that the parser calls."""
        return {
            "on_part_begin": self._begin,
            "on_header_begin": self._begin_header,
            "on_header_field": self._add_to_name,
            "on_header_value": self._add_to_value,
            "on_header_end": self._end_header,
            "on_headers_finished": self._open,
            "on_part_data": self._write,
            "on_part_end": self._end,
            "on_end": self._finish,
        }

    def close(self) -> None:
        """Close the file of an image that is not whole."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _begin(self) -> None:
        self._disposition, self._option = b"", b""

    def _begin_header(self) -> None:
        self._header_name = self._header_value = b""

    def _add_to_name(self, data: bytes, start: int, end: int) -> None:
        self._header_name += data[start:end]

    def _add_to_value(self, data: bytes, start: int, end: int) -> None:
        self._header_value += data[start:end]

    def _end_header(self) -> None:
        if self._header_name.lower() == b"content-disposition":
            self._disposition = self._header_value

    def _open(self) -> None:
        _, parameters = parse_options_header(self._disposition)
        self._name = parameters.get(b"name", b"").decode("utf-8", "replace")
        if self._name == IMAGE_FIELD:
            if len(self._upload.images) == self._most_images:
                several = "one image" if self._most_images == 1 else f"{self._most_images} images"
                raise Refused(
                    413, f"The form has more than {several}, the most that is taken here."
                )
            filename = parameters.get(b"filename", b"").decode("utf-8", "replace")
            self._file = _new_file(self._folder, self._upload, filename)
        elif len(self._upload.options) == _MOST_OPTIONS:
            raise Refused(400, f"The form has more than {_MOST_OPTIONS} fields.")

    def _write(self, data: bytes, start: int, end: int) -> None:
        part = memoryview(data)[start:end]
        if self._file is not None:
            self._file.write(part)
        elif len(self._option) + len(part) > _LONGEST_OPTION:
            raise Refused(
                400,
                f"The field '{self._name[:50]}' is too long for an option. {_HINT}",
            )
        else:
            self._option += part

    def _end(self) -> None:
        if self._file is not None:
            self.close()
        else:
            self._upload.options[self._name] = self._option.decode("utf-8", "replace")

    def _finish(self) -> None:
        self.is_whole = True


__all__ = ["ClientDisconnect", "Upload", "full_disk_refused", "receive_images"]
