"""Steps as jobs of a real Slurm."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from zenml.client import Client
from zenml.constants import ENV_ZENML_ACTIVE_STACK_ID
from zenml.utils.source_utils import set_custom_source_root

from slurm.store_server import stop_serving
from tests import slurm_pipelines as pipelines
from tests.conftest import PROJECT_ROOT
from tests.fixtures.slurm import NODES, Slurm
from utils.slurm.script import OFFLINE

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", autouse=True)
def on_slurm(slurm: Slurm, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Pipelines of this module run on a stack whose steps are jobs, without a ZenML server."""
    store = tmp_path_factory.mktemp("shared") / "store"
    with pytest.MonkeyPatch.context() as patch:
        stack = pipelines.use_stack("on-slurm", str(store))
        patch.setenv(ENV_ZENML_ACTIVE_STACK_ID, stack)
        patch.setenv("ZENML_DYNAMIC_PIPELINE_MONITORING_INTERVAL", "1")
        set_custom_source_root(str(PROJECT_ROOT))
        yield
        set_custom_source_root(None)
        stop_serving()


def test_a_step_is_a_job_that_downloads_nothing_and_whose_log_is_the_steps(tmp_path: Path):
    pipelines.static("hello")

    step = Client().get_pipeline("static").last_run.steps["where"]
    place = step.outputs["place"][0].load()
    assert place["SLURMD_NODENAME"] in NODES
    assert place.items() >= OFFLINE.items()
    [log] = [log for log in step.log_collection if log.source == "slurm"]
    lines = [entry.message for entry in Client().active_stack.log_store.fetch(log).items]
    assert any("the word is hello" in line for line in lines)
