"""Local folders in a Label Studio other than the embedded one, which must be told to serve them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from shlex import quote
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING, Any

from utils.annotation.label_studio.connection import NO_RETRIES, ask, explained, refusal, url_of
from utils.annotation.label_studio.interface import label_config
from utils.errors import ConfigurationError
from utils.paths import local_folder

if TYPE_CHECKING:
    from label_studio_sdk import LabelStudio

_PATH = "api/storages/localfiles"
_TILES = "tiles"
_ROOT = re.compile(r'LOCAL_FILES_DOCUMENT_ROOT="(.*?)"')
_CHECK = "Spyglass checks the storage"


def check_local_files(
    client: LabelStudio,
    folder: Path,
    project_id: int | None,
    document_root: Path | None = None,
) -> None:
    """Check that a server other than the embedded one can show the tiles in a folder.

    Label Studio is asked to find a file that is created in the folder for a moment, so that a
    container whose folder is another one is noticed, too.

    Args:
        client: From `connect`.
        folder: Place of the tiles; it is created if it is missing.
        project_id: Number of the project; None if it does not exist yet.
        document_root: Document root of the server, if the configuration names it.

    Raises:
        ConfigurationError: If the server cannot show them; the message has the settings to make.
        LabelStudioError: If the server fails.
    """
    (folder / _TILES).mkdir(parents=True, exist_ok=True)
    with (
        explained(url_of(client), f"Checking the storage {folder}"),
        _some_project(client, project_id) as project,
    ):
        _, storage = served_folder(client, project, folder, document_root)
        with NamedTemporaryFile(prefix=".spyglass-", dir=storage) as probe:
            name = Path(probe.name).name
            if not _finds(client, project, storage, name):
                raise ConfigurationError(
                    _remedy(client, folder, f"its folder {storage} is another one, or unreadable")
                )


def served_folder(
    client: LabelStudio, project_id: int, folder: Path, document_root: Path | None
) -> tuple[Path, Path]:
    """The document root of a server, and the folder with the tiles that a storage may show.

    Args:
        client: From `connect`.
        project_id: Number of any project.
        folder: The data source.
        document_root: Document root of the server; by default the server is asked.

    Raises:
        ConfigurationError: If the server does not serve the folder.
        ApiError, httpx.HTTPError: If the server fails. Wrap the call in `explained`.
    """
    root = document_root or _document_root(client, project_id)
    # Label Studio refuses a storage that is the document root itself.
    storage = folder / _TILES if root == folder else folder
    reason = _reason_against(client, project_id, storage)
    if root is None or reason:
        sentence = reason.split(". ")[0]
        raise ConfigurationError(_remedy(client, folder, sentence or "it names no document root"))
    if root not in storage.parents:
        raise ConfigurationError(_remedy(client, folder, f"document_root {root} is not above it"))
    return root, storage


def _document_root(client: LabelStudio, project_id: int) -> Path | None:
    """The server's document root, which it names only when it refuses a folder."""
    found = _ROOT.search(_reason_against(client, project_id, Path("/")))
    return Path(found[1]) if found else None


def _reason_against(client: LabelStudio, project_id: int, storage: Path) -> str:
    """The reason why a server refuses a folder as a storage; empty if it does not."""
    from label_studio_sdk.core.api_error import ApiError

    http = client._client_wrapper.httpx_client
    body = _storage(project_id, storage)
    answer = http.request(f"{_PATH}/validate", method="POST", json=body, request_options=NO_RETRIES)
    if answer.is_success:
        return ""
    if answer.status_code != HTTPStatus.BAD_REQUEST:
        raise ApiError(status_code=answer.status_code, body=answer.text)
    found = answer.json()
    reasons = found.get("validation_errors", {}).get("non_field_errors")
    return str(reasons[0] if reasons else refusal(found))


def _finds(client: LabelStudio, project_id: int, storage: Path, name: str) -> bool:
    """Whether the server finds a file in a folder; taken for granted by those that cannot list."""
    from label_studio_sdk.core.api_error import ApiError

    body = _storage(project_id, storage) | {"regex_filter": re.escape(name), "limit": 1}
    try:
        files = ask(client, "POST", f"{_PATH}/files", json=body)["files"]
    except ApiError as error:
        if error.status_code in (HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED):
            return True
        raise
    return any(Path(str(found["key"])).name == name for found in files)


def _storage(project_id: int, folder: Path) -> dict[str, Any]:
    return {"project": project_id, "path": str(folder), "use_blob_urls": True}


@contextmanager
def _some_project(client: LabelStudio, project_id: int | None) -> Iterator[int]:
    """The project, else any; on a server without one, a project that exists within the block."""
    if project_id is not None:
        yield project_id
        return
    there = ask(client, "GET", "api/projects", params={"page_size": 1})["results"]
    if there:
        yield int(there[0]["id"])
        return
    body = {"title": _CHECK, "label_config": label_config(["object"])}
    made = int(ask(client, "POST", "api/projects", json=body)["id"])
    try:
        yield made
    finally:
        client.projects.delete(id=made)


def _remedy(client: LabelStudio, folder: Path, reason: str) -> str:
    root = _root_to_serve(folder)
    settings = (
        "LABEL_STUDIO_LOCAL_FILES_SERVING_ENABLED=true",
        f"LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT={quote(str(root))}",
    )
    options = " ".join(f"-e {setting}" for setting in settings)
    mount = quote(f"{root}:{root}:ro")
    return (
        f"Label Studio at {url_of(client)} cannot show the tiles in {folder} ({reason}). If it "
        f"runs on this machine, start it with: {' '.join(settings)} label-studio start; in Docker, "
        f"add to docker run: {options} -v {mount}; if it "
        "runs elsewhere, name a bucket as data_store (gs://bucket/prefix) in the project's file. "
        "The embedded Label Studio (unset LABEL_STUDIO_URL) needs none of this."
    )


def _root_to_serve(folder: Path) -> Path:
    """The smallest folder that serves this data source, and those of other projects beside it.

    Never its parent, which is the folder of local state, with passwords in it.
    """
    stores = local_folder("store")
    return stores if folder.is_relative_to(stores) else folder
