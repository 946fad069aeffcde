"""Options of the Label Studio server and project, and the server that they lead to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator

from utils.annotation.label_studio.server import ServerConnection, start_label_studio
from utils.errors import ConfigurationError
from utils.options import Options

EMBEDDED = "embedded"
_TITLE_CHARACTERS = range(3, 51)  # Label Studio refuses shorter and longer ones


class LabelStudioOptions(Options):
    """The Label Studio server and the project that receives the tiles."""

    url: str = EMBEDDED
    """Address of a server (`http://...` or `https://...`), or `embedded` for one of Spyglass' own
    on this machine. `LABEL_STUDIO_URL` comes first; the ZenML annotator component counts where
    neither names a server."""

    project: int | str = "spyglass"
    """The project's name, or its number, as in the address of its page."""

    create_missing: bool = True
    """Create the project when no project has that name. A project given by number must exist."""

    classes: tuple[str, ...] = ()
    """Class names of a new project, in order; by default the classes of the data source."""

    ground_truth: Literal["proposals", "annotations"] = "proposals"
    """Known labels of an ingest: `proposals` wait in the queue until somebody submits them;
    `annotations` are there as if submitted, so that every tile counts as labelled at once."""

    document_root: Path | None = None
    """The `LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT` of a server other than the embedded one, which
    shows tiles from a local folder; by default the server is asked. It is the data source or a
    folder above it."""

    batch_tasks: int = Field(default=500, ge=1, le=5000)
    """Largest number of tasks in one request; for boxes of existing tasks only the size counts."""

    batch_megabytes: float = Field(default=32.0, gt=0, le=200)
    """Largest size of one request, in megabytes."""

    timeout_s: float = Field(default=600.0, gt=0)
    """Seconds to wait for an answer. Label Studio answers an import only once everything is
    stored."""

    max_bad_share: float = Field(default=0.1, ge=0, le=1)
    """Stop with an error when a larger share of the tiles cannot be sent."""

    @field_validator("project")
    @classmethod
    def _is_a_title(cls, project: int | str) -> int | str:
        if isinstance(project, int) or len(project.strip()) in _TITLE_CHARACTERS:
            return project.strip() if isinstance(project, str) else project
        raise ValueError(f"'{project}' is no project's name: Label Studio wants 3 to 50 characters")

    @field_validator("url")
    @classmethod
    def _is_an_address(cls, url: str) -> str:
        if url == EMBEDDED or url.startswith(("http://", "https://")):
            return url.rstrip("/")
        raise ValueError(f"'{url}' is neither '{EMBEDDED}' nor an address with http:// or https://")


def resolve_connection(
    options: LabelStudioOptions,
    environment: Mapping[str, str],
    annotator: Callable[[], tuple[str, str] | None] = lambda: None,
) -> ServerConnection:
    """Find the server and its token; start the embedded server if no other is named.

    The address comes from `LABEL_STUDIO_URL`, else from `options.url`, else from the annotator,
    else the server is the embedded one. The token comes from `LABEL_STUDIO_API_KEY`, else from the
    annotator if the address is the annotator's own: no other server is sent its token.

    Args:
        options: The options of the run.
        environment: Environment variables, usually `os.environ`.
        annotator: Returns URL and token of the stack's annotator component, if there is one; called
            only when one of them is needed.

    Raises:
        ConfigurationError: If a server is named but no token.
        ServerError: If the embedded server cannot be started.
    """
    configured = "" if options.url == EMBEDDED else options.url
    url = (environment.get("LABEL_STUDIO_URL") or configured).rstrip("/")
    api_key = environment.get("LABEL_STUDIO_API_KEY", "")
    if url != EMBEDDED and not (url and api_key):
        annotator_url, annotator_key = annotator() or ("", "")
        url = url or annotator_url.rstrip("/")
        if url == annotator_url.rstrip("/"):
            api_key = api_key or annotator_key
    if not url or url == EMBEDDED:
        return start_label_studio()
    if not api_key:
        raise ConfigurationError(
            f"There is no token for Label Studio at {url}. Set LABEL_STUDIO_API_KEY (in Label "
            "Studio: Account & Settings), or register the token with a ZenML annotator component."
        )
    return ServerConnection(url, api_key)
