"""Scenes in buckets of Google Cloud Storage, copied by its JSON API with the standard library.

Access is that of the machine: a token from its metadata server, or from the variable
`GOOGLE_OAUTH_ACCESS_TOKEN`; public objects need none.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.parse import quote
from urllib.request import Request, urlopen

from utils.errors import ImageError

SCHEME = "gs://"
_API = "https://storage.googleapis.com"
_METADATA = (
    "http://metadata.google.internal/computeMetadata/v1/instance/service-accounts/default/token"
)
_TOKEN_SECONDS = 2.0
_SECONDS = 60.0
_AT_ONCE = 1 << 20


def fetch(uri: str, path: Path, most_bytes: int) -> None:
    """Copy an object to a file; a copy that was cut off goes on where it ended.

    Args:
        uri: `gs://bucket/name`.
        path: The file, which appears whole.
        most_bytes: Largest object.

    Raises:
        ImageError: If the object cannot be read, or is too large.
        OSError: If the disk is full.
    """
    if path.is_file():
        return
    partial = path.with_name(f".{path.name}.partial")
    there = partial.stat().st_size if partial.is_file() else 0
    headers = {**_access(), "Range": f"bytes={there}-"} if there else _access()
    bucket, _, name = uri.removeprefix(SCHEME).partition("/")
    host = os.environ.get("STORAGE_EMULATOR_HOST", _API).rstrip("/")
    address = f"{host}/download/storage/v1/b/{quote(bucket, '')}/o/{quote(name, '')}?alt=media"
    with _told(), urlopen(Request(address, headers=headers), timeout=_SECONDS) as answer:  # noqa: S310
        goes_on = answer.status == HTTPStatus.PARTIAL_CONTENT
        total = there if goes_on else 0
        with partial.open("ab" if goes_on else "wb") as file:
            while part := answer.read(_AT_ONCE):
                total += len(part)
                if total > most_bytes:
                    raise ImageError(f"The object has more than {most_bytes:,} bytes.")
                file.write(part)
    os.replace(partial, path)


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except HTTPError as error:
        raise ImageError(
            f"The object cannot be read (status {error.code}). Check its name, and whether the "
            "service may read the bucket."
        ) from None
    except (URLError, TimeoutError, ConnectionError):
        raise ImageError("Google Cloud Storage does not answer.") from None


def _access() -> dict[str, str]:
    """Headers with a token, where there is one."""
    if "STORAGE_EMULATOR_HOST" in os.environ:
        return {}
    token = os.environ.get("GOOGLE_OAUTH_ACCESS_TOKEN", "")
    if not token:
        try:
            asked = Request(_METADATA, headers={"Metadata-Flavor": "Google"})
            with urlopen(asked, timeout=_TOKEN_SECONDS) as answer:  # noqa: S310 - a constant
                token = str(json.load(answer)["access_token"])
        except (OSError, ValueError, KeyError):
            return {}
    return {"Authorization": f"Bearer {token}"}
