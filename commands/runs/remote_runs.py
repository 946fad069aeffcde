"""A run whose steps are jobs on other machines, as the one who waits for it sees it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from zenml.utils.code_utils import CodeArchive
from zenml.utils.source_utils import get_source_root

from commands.runs.failures import explained
from commands.runs.job_progress import following, run_named
from utils.errors import ConfigurationError


def require_checkout() -> None:
    """Check that git can tell what of this folder is code, which ZenML sends to the bucket.

    Raises:
        ConfigurationError: If it cannot: everything would be sent, environment and secrets too.
    """
    root = get_source_root()
    if CodeArchive(root=root).git_repo is None:
        raise ConfigurationError(
            f"{root} is no git checkout, so all that is in it would be sent to the bucket, .local "
            "and .venv too. Clone the project with git, or make it one with: git init"
        )


@contextmanager
def watched(run: str) -> Iterator[None]:
    """Say what becomes of the steps of the run that a block begins and waits for.

    Args:
        run: Its name.

    Raises:
        Exception: That of the step that failed, where one did; see `explained`.
        KeyboardInterrupt: With what becomes of the jobs.
    """
    try:
        with following(run):
            yield
    except KeyboardInterrupt:
        if run_named(run) is None:
            raise
        raise KeyboardInterrupt(
            "The jobs go on without you, and the dashboard shows them. To stop them, cancel them "
            "in the Google Cloud console, under Vertex AI."
        ) from None
    except Exception as error:
        # ZenML's text of a failed job holds its secrets, and --verbose shows what is chained.
        raise explained(error, run) from None
