"""How to reach Label Studio and what to make there, as configured in YAML."""

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
    on this machine. `LABEL_STUDIO_URL` comes first; the ZenML annotator component is asked where
    neither names a server."""

    project: int | str = "spyglass"
    """The project's name, or its number, as in the address of its page."""

    create_missing: bool = True
    """Make the project when no project has that name. One given by number must exist."""

    classes: tuple[str, ...] = ()
    """Class names of a new project, in order. Empty: those of the data source."""

    document_root: Path | None = None
    """For a server other than the embedded one that shall show tiles from a local folder: its
    `LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT`, which must lie above the data source."""

    batch_tasks: int = Field(default=500, ge=1, le=5000)
    """Tasks sent in one request at most; boxes for tasks that are there go by size alone."""

    batch_megabytes: float = Field(default=8.0, gt=0, le=200)
    """Size of one request at most."""

    timeout_s: float = Field(default=600.0, gt=0)
    """Seconds to wait for an answer. Label Studio answers an import only when all of it is
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


class ExportOptions(Options):
    """What becomes of the tasks when labels come back from Label Studio."""

    unreviewed: Literal["keep_ground_truth", "skip"] = "keep_ground_truth"
    """Tasks that nobody has touched since the ingest sent them: keep the ground truth they were
    sent with, or leave them out. Untouched tasks without ground truth are always left out."""

    timeout_s: float = Field(default=1800.0, gt=0)
    """Seconds to wait for Label Studio to prepare the export."""

    max_bad_share: float = Field(default=0.1, ge=0, le=1)
    """Stop with an error when a larger share of the tiles cannot be used."""


def resolve_connection(
    options: LabelStudioOptions,
    environment: Mapping[str, str],
    annotator: Callable[[], tuple[str, str] | None] = lambda: None,
) -> ServerConnection:
    """Find the server to talk to; the embedded one is started when it is the choice.

    The address comes from `LABEL_STUDIO_URL`, else from `options.url`, else from the annotator,
    else the server is the embedded one. The token comes from `LABEL_STUDIO_API_KEY`, else from the
    annotator where it is the annotator's own server: no other is sent its token.

    Args:
        options: As configured.
        environment: Usually `os.environ`.
        annotator: Tells URL and token of the stack's annotator component, where there is one; asked
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
