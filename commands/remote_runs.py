"""A run whose steps are jobs on other machines, as the one who waits for it sees it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from zenml.utils.time_utils import utc_now

from commands.failures import explained
from commands.following import following, newest_run


@contextmanager
def watched(pipeline: str) -> Iterator[None]:
    """Say what becomes of the steps of the run that a block begins and waits for.

    Args:
        pipeline: Its name.

    Raises:
        Exception: That of the step that failed, where one did; see `explained`.
        KeyboardInterrupt: With what becomes of the jobs.
    """
    begun = utc_now()
    try:
        with following(pipeline, begun):
            yield
    except KeyboardInterrupt:
        if newest_run(pipeline, begun) is None:
            raise
        raise KeyboardInterrupt(
            "The jobs go on without you, and the dashboard shows them. To stop them, cancel them "
            "in the Google Cloud console, under Vertex AI."
        ) from None
    except Exception as error:
        raise explained(error, pipeline, begun) from error
