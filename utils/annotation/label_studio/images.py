"""The images in Label Studio: the storage of a project, and the address of each tile."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from utils.annotation.label_studio.connection import ask, explained, url_of
from utils.annotation.label_studio.server import document_root as embedded_document_root
from utils.annotation.label_studio.server import publish_folder, running_label_studio
from utils.annotation.project import Project
from utils.errors import ConfigurationError
from utils.storage.objects import GCS_SCHEME

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


def connect_storage(
    client: LabelStudio, project: Project, data_source: str, document_root: Path | None = None
) -> ServedImages:
    """Let the project show the images of a data source; an existing storage is used again.

    Args:
        client: From `connect`.
        project: From `open_project`.
        data_source: Place of the tiles: a local folder or `gs://bucket/prefix`.
        document_root: Document root of a server other than the embedded one, for a local folder.

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
    embedded = running_label_studio()
    if not folder.is_dir():
        raise ConfigurationError(f"The data source {folder} does not exist. Run the ingest first.")
    if embedded is not None and embedded.url == url_of(client):
        root, served = embedded_document_root(), publish_folder(folder)
    elif document_root is not None and document_root in folder.parents:
        root, served = document_root, folder
    else:
        raise ConfigurationError(
            f"Label Studio at {url_of(client)} cannot show the tiles in {folder}: set "
            "document_root to the folder above it that the server serves "
            "(LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT), or keep the tiles in a bucket."
        )
    _created_once(client, project, "localfiles", {"path": str(served)}, {})
    relative = quote(served.relative_to(root).as_posix())
    return ServedImages(str(folder), f"/data/local-files/?d={relative}/")


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
