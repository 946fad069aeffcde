"""A training shares the cores with the other work on a machine, in the way that the user wants."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.conftest import PROJECT_ROOT

AS_A_USER_TYPES = "import run; run.main(['--inspect', 'nowhere.png']); import torch"
AS_A_LIBRARY = "from utils.detection.ultralytics.library import load_ultralytics as load; load()"
THREADS = (
    "import os\n"
    f"{AS_A_LIBRARY}\n"
    "from ultralytics.utils.torch_utils import select_device\n"
    "select_device('cpu'); import torch\n"
    "print(torch.get_num_threads(), os.environ.get('OMP_NUM_THREADS'))"
)


def python(script, **environment):
    """Run a script in a process whose OpenMP says how it is set; return its output and its log."""
    surroundings = {name: value for name, value in os.environ.items() if "OMP_" not in name}
    surroundings |= {"OMP_DISPLAY_ENV": "verbose", **environment}
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=PROJECT_ROOT,
        env=surroundings,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout, done.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="libgomp is torch's OpenMP on Linux")
@pytest.mark.parametrize(
    "script",
    [
        pytest.param(AS_A_USER_TYPES, id="command"),
        pytest.param(AS_A_LIBRARY, id="library", marks=pytest.mark.slow),
    ],
)
def test_threads_sleep_while_they_wait_for_each_other(local_state, script):
    _, log = python(script)

    assert "GOMP_SPINCOUNT = '0'" in log


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="libgomp is torch's OpenMP on Linux")
def test_a_wait_policy_of_the_users_own_is_kept(local_state):
    _, log = python(AS_A_USER_TYPES, OMP_WAIT_POLICY="ACTIVE")

    assert "OMP_WAIT_POLICY = 'ACTIVE'" in log
    assert "GOMP_SPINCOUNT = '0'" not in log


@pytest.mark.slow
def test_a_number_of_threads_of_the_users_own_is_kept(local_state):
    shown, _ = python(THREADS, OMP_NUM_THREADS="1")

    assert shown.split()[-2:] == ["1", "1"]


@pytest.mark.slow
def test_without_one_all_cores_compute_and_programs_started_later_choose_for_themselves(
    local_state,
):
    shown, _ = python(THREADS)

    assert shown.split()[-2:] == [str(min(8, len(os.sched_getaffinity(0)))), "None"]
