"""The images in Label Studio: the storage of a project, and the address of each tile."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from utils.annotation.label_studio.connection import ask, explained, url_of
from utils.annotation.label_studio.local_files import check_local_files, served_folder
from utils.annotation.label_studio.server import document_root as embedded_document_root
from utils.annotation.label_studio.server import publish_folder, running_label_studio
from utils.annotation.project import Project
from utils.errors import ConfigurationError
from utils.storage.objects import GCS_SCHEME, is_local

if TYPE_CHECKING:
    from label_studio_sdk import LabelStudio

_TITLE = "Spyglass tiles (shown only: synchronising adds no tasks)"
_MATCHES_NOTHING = "^$"
_SYNCHRONISED = "completed"


@dataclass(frozen=True, slots=True)
class ServedImages:
    """The images of one data source, as a Label Studio server shows them.

    Attributes:
        source: The data source: an absolute local folder or `gs://bucket/prefix`.
        prefix: Text that replaces `source/` in the image address of a task.
    """

    source: str
    prefix: str

    def url_of(self, uri: str) -> str | None:
        """The address of an image in its task, or None when it is not in the data source."""
        if not uri.startswith(f"{self.source}/"):
            return None
        key = uri[len(self.source) + 1 :]
        return self.prefix + (key if self.source.startswith(GCS_SCHEME) else quote(key))


def check_storage(
    client: LabelStudio,
    data_source: str,
    project_id: int | None,
    document_root: Path | None = None,
) -> None:
    """Check, before there are tiles, whether `connect_storage` will be able to show them.

    The embedded server shows any local folder; a bucket is not checked.

    Args:
        client: From `connect`.
        data_source: Place of the tiles: a local folder or `gs://bucket/prefix`.
        project_id: Number of the project; None if it does not exist yet.
        document_root: As of `connect_storage`.

    Raises:
        ConfigurationError: If the server cannot show a local folder; the message has the remedy.
        LabelStudioError: If the server fails.
    """
    if is_local(data_source) and not _is_embedded(client):
        folder = Path(data_source).expanduser().absolute()
        check_local_files(client, folder, project_id, document_root)


def connect_storage(
    client: LabelStudio, project: Project, data_source: str, document_root: Path | None = None
) -> ServedImages:
    """Let the project show the images of a data source; an existing storage is used again.

    Args:
        client: From `connect`.
        project: From `open_project`.
        data_source: Place of the tiles: a local folder or `gs://bucket/prefix`.
        document_root: Document root of a server other than the embedded one, for a local folder; by
            default the server is asked.

    Raises:
        ConfigurationError: If the local folder does not exist or the server cannot read it.
        LabelStudioError: If the server refuses the storage.
    """
    with explained(url_of(client), f"Connecting the storage {data_source}"):
        if data_source.startswith(GCS_SCHEME):
            return _connect_gcs(client, project, data_source.rstrip("/"))
        folder = Path(data_source).expanduser().absolute()
        return _connect_folder(client, project, folder, document_root)


def _connect_gcs(client: LabelStudio, project: Project, uri: str) -> ServedImages:
    """Serve objects through Label Studio: signing addresses needs more than default credentials."""
    bucket, _, prefix = uri.removeprefix(GCS_SCHEME).partition("/")
    storage = {"bucket": bucket, "prefix": prefix}
    there = _created_once(client, project, "gcs", storage, {"presign": False})
    if there.get("status") != _SYNCHRONISED:
        # Label Studio reads the bucket with its own credentials. This adds no task: tasks are sent
        # apart, twenty times as fast and with their labels.
        ask(client, "POST", f"api/storages/gcs/{there['id']}/sync")
    return ServedImages(uri, f"{uri}/")


def _connect_folder(
    client: LabelStudio, project: Project, folder: Path, document_root: Path | None
) -> ServedImages:
    if not folder.is_dir():
        raise ConfigurationError(f"The data source {folder} does not exist. Run the ingest first.")
    if _is_embedded(client):
        root = embedded_document_root()
        served = storage = publish_folder(folder)
    else:
        root, storage = served_folder(client, project.id, folder, document_root)
        served = folder
    _created_once(client, project, "localfiles", {"path": str(storage)}, {})
    relative = quote("" if served == root else f"{served.relative_to(root).as_posix()}/")
    return ServedImages(str(folder), f"/data/local-files/?d={relative}")


def _is_embedded(client: LabelStudio) -> bool:
    """Whether the client's server is the embedded one of this folder of local state."""
    embedded = running_label_studio()
    return embedded is not None and embedded.url == url_of(client)


def _created_once(
    client: LabelStudio, project: Project, kind: str, place: dict[str, str], more: dict[str, Any]
) -> dict[str, Any]:
    """Find or create a storage that shows images and, when it is synchronised, adds no tasks."""
    path = f"api/storages/{kind}"
    there = ask(client, "GET", f"{path}/", params={"project": project.id})
    for storage in there:
        if all((storage[key] or "") == value for key, value in place.items()):
            return dict(storage)
    body = {
        "project": project.id,
        "title": _TITLE,
        "use_blob_urls": True,
        "regex_filter": _MATCHES_NOTHING,
    }
    return dict(ask(client, "POST", f"{path}/", json=body | place | more))
