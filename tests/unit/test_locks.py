"""Two runs do not do the same work on the same target at once."""

from __future__ import annotations

import subprocess
import sys
from contextlib import contextmanager

import pytest

from tests.conftest import PROJECT_ROOT
from utils.errors import BusyError
from utils.locks import exclusive


@contextmanager
def another_process_holds(work: str, target: str):
    """A process that has the lock; yields the process."""
    hold = f"with exclusive({work!r}, {target!r}): print('held', flush=True); input()"
    process = subprocess.Popen(
        [sys.executable, "-c", f"from utils.locks import exclusive\n{hold}"],
        cwd=PROJECT_ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def test_a_second_process_is_told_to_wait(tmp_path):
    with (
        another_process_holds("ingest", str(tmp_path)),
        pytest.raises(BusyError) as refused,
        exclusive("ingest", str(tmp_path)),
    ):
        pass

    assert str(refused.value).startswith(f"Another ingest is already running on {tmp_path}.")


def test_a_killed_process_holds_nothing(tmp_path):
    with another_process_holds("ingest", str(tmp_path)) as process:
        process.kill()
        process.wait()
        with exclusive("ingest", str(tmp_path)):
            pass


@pytest.mark.parametrize(
    ("work", "target"),
    [
        pytest.param("sync", "store", id="other work on the same target"),
        pytest.param("ingest", "another store", id="the same work on another target"),
    ],
)
def test_only_the_same_work_on_the_same_target_is_locked(work, target, tmp_path):
    with exclusive("ingest", f"{tmp_path}/store"), exclusive(work, f"{tmp_path}/{target}"):
        pass


def test_the_lock_is_free_after_a_failure(tmp_path):
    with pytest.raises(ValueError, match="broken"), exclusive("ingest", str(tmp_path)):
        raise ValueError("broken")
    with exclusive("ingest", str(tmp_path)):
        pass
