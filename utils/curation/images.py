"""The images of samples, on this machine."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from pathlib import Path

from utils.curation.samples import TileSample
from utils.issues import IssueReport
from utils.storage.cache import local_copies


def with_images(
    samples: Iterable[TileSample], issues: IssueReport
) -> Iterator[tuple[TileSample, Path]]:
    """Yield each sample with a local copy of its image, showing progress.

    Args:
        samples: Consumed as a stream, a few ahead.
        issues: Receives those whose image cannot be had; they are left out.
    """
    waiting: deque[TileSample] = deque()

    def files() -> Iterator[tuple[str, str]]:
        for sample in samples:
            waiting.append(sample)
            yield sample.uri, sample.sha256

    for uri, image in local_copies(files(), issues=issues, description="Updating FiftyOne (tiles)"):
        while (sample := waiting.popleft()).uri != uri:
            pass  # Its image could not be had: `issues` has it.
        yield sample, image
