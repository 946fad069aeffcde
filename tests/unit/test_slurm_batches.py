"""Jobs that wait for one another."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

import pytest

from slurm import batches
from slurm.batches import Batches
from slurm.settings import SlurmSettings
from slurm.submission import PreparedJob
from utils.errors import JobError
from utils.slurm.commands import ControllerUnreachableError
from utils.slurm.script import JobFiles


def test_jobs_that_could_not_be_submitted_have_failed_and_do_not_wait_for_the_controller(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreachable(_jobs: list[PreparedJob]) -> None:
        raise ControllerUnreachableError("slurmctld does not answer.")

    monkeypatch.setattr(batches, "submit_jobs", unreachable)
    monkeypatch.setattr(batches, "_WINDOW_SECONDS", 0.0)
    waiting, shards = Batches(), [uuid4(), uuid4()]
    for number, shard in enumerate(shards):
        files = JobFiles(tmp_path / str(number))
        waiting.add(shard, PreparedJob(f"work-{number}", SlurmSettings(), files))
    for shard in shards:
        with pytest.raises(JobError, match="does not answer") as told:
            waiting.waits(shard)
        assert not isinstance(told.value, ControllerUnreachableError)
