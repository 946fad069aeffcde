"""Every test runs on state of its own, away from the user's ZenML, caches and servers."""

from __future__ import annotations

import os
import signal
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from utils.garbage import collect_seldom
from utils.threads import let_waiting_threads_sleep

pytest_plugins = [
    "tests.fixtures.wire",  # which others import
    "tests.fixtures.browser",
    "tests.fixtures.detector",
    "tests.fixtures.gcs",
    "tests.fixtures.google_cloud",
    "tests.fixtures.inference",
    "tests.fixtures.kinds",
    "tests.fixtures.bundles",  # which imports kinds
    "tests.fixtures.models",  # which imports bundles
    "tests.fixtures.label_studio",
    "tests.fixtures.mlflow_server",
    "tests.fixtures.mongodb",
    "tests.fixtures.registering",
    "tests.fixtures.spots",
    "tests.fixtures.services",  # which imports spots
    "tests.fixtures.slurm",
    "tests.fixtures.zenml_server",
]

PROJECT_ROOT = Path(__file__).resolve().parent.parent

# As in every command: tests that run in this process import ZenML and torch, too.
collect_seldom()
let_waiting_threads_sleep()

# A shell that starts the tests in the background has them ignore Ctrl-C, and so would the processes
# that tests start and interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)

# ZenML takes the folder of the main module for the root of the source code: as for users, that is
# the project's, and not that of pytest, or none as in a worker (pytest-xdist).
sys.modules["__main__"].__file__ = str(PROJECT_ROOT / "run.py")


@pytest.fixture(scope="session", autouse=True)
def local_state(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A `.local` folder and a ZenML store for this session alone; installed programs are kept."""
    folder = tmp_path_factory.mktemp("local")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SPYGLASS_LOCAL", str(folder))
        patch.setenv("SPYGLASS_ENVIRONMENTS", str(PROJECT_ROOT / ".local" / "environments"))
        patch.setenv("SPYGLASS_PROJECTS", str(folder / "projects"))
        patch.delenv("SPYGLASS_PROJECT", raising=False)
        patch.setenv("ZENML_CONFIG_PATH", str(folder / "zenml"))
        patch.setenv("MPLBACKEND", "Agg")
        foreign = ("LABEL_STUDIO_", "MLFLOW_", "ZENML_STORE_", "ZENML_ACTIVE_", "FIFTYONE_")
        for variable in [name for name in os.environ if name.startswith(foreign)]:
            patch.delenv(variable)
        from utils.privacy import keep_private

        keep_private()
        yield folder


@pytest.fixture(scope="module", autouse=True)
def own_stack(local_state: Path) -> Iterator[None]:
    """No module runs on the stack of another: runs choose one for their whole process."""
    yield
    os.environ.pop("ZENML_ACTIVE_STACK_ID", None)


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing outside this machine answers."""
    for variable in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(variable, "http://127.0.0.1:9")
    # Python keeps the opener of its first request, with the proxies of that moment, for ever.
    monkeypatch.setattr(urllib.request, "_opener", None)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real images and labels that are not part of the project."""
    folder = Path(os.environ.get("SPYGLASS_SHARED_DATA", PROJECT_ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no real data at {folder}; name its place in SPYGLASS_SHARED_DATA")
    return folder
