"""What ZenML is told about a run: the pipeline's own file over its stack's."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from commands.configuration import RunConfiguration
from commands.run_settings import merged, run_settings
from utils.errors import ConfigurationError

STEPS = ["plan_shards", "tile_scenes", "gather_tiles"]
nested = st.recursive(
    st.integers(), lambda inner: st.dictionaries(st.sampled_from("abc"), inner, max_size=3)
)
mappings = st.dictionaries(st.sampled_from("abc"), nested, max_size=3)


@pytest.fixture
def settings(tmp_path: Path):
    """The settings of a run on a stack with some defaults."""

    def call(defaults: dict, **own: object) -> dict:
        stack = tmp_path / "stack.yaml"
        parts = {"orchestrator": {"name": "default"}, "artifact_store": {"name": "default"}}
        stack.write_text(yaml.safe_dump({"name": "s", "components": parts, "defaults": defaults}))
        return run_settings(RunConfiguration(Path("p.yaml"), str(stack), {}, own), STEPS)

    return call


def test_the_stack_says_what_the_pipeline_does_not(settings):
    found = settings(
        {"settings": {"docker": {"parent_image": "stack:1", "skip_build": True}}},
        settings={"docker": {"parent_image": "own:2"}},
        enable_cache=False,
    )
    assert found["settings"] == {"docker": {"parent_image": "own:2", "skip_build": True}}
    assert found["enable_cache"] is False


def test_what_the_stack_says_of_the_steps_of_other_pipelines_is_left_out(settings):
    defaults = {"steps": {"tile_scenes": {"runtime": "isolated"}, "predict_scenes": {}}}
    found = settings(defaults, steps={"tile_scenes": {"retry": {"max_retries": 5}}})
    assert found["steps"] == {"tile_scenes": {"runtime": "isolated", "retry": {"max_retries": 5}}}


def test_a_step_that_is_not_there_is_refused_with_the_nearest(settings):
    with pytest.raises(
        ConfigurationError, match=r"p\.yaml: steps: unknown step 'tile_scene'.*'tile_scenes'"
    ):
        settings({}, steps={"tile_scene": {"runtime": "isolated"}})


def test_a_stack_without_a_file_adds_nothing():
    own = {"enable_cache": False, "environment": {"A": "1"}}
    found = run_settings(RunConfiguration(Path("p.yaml"), "registered", {}, own), STEPS)
    assert found["enable_cache"] is False
    assert found["environment"]["A"] == "1"


@given(base=mappings, over=mappings)
def test_merging_keeps_every_key_and_the_second_one_wins(base, over):
    both = merged(base, over)
    assert both.keys() == base.keys() | over.keys()
    assert merged(both, over) == both
    assert merged(base, {}) == base
    for key, value in over.items():
        if not isinstance(value, dict):
            assert both[key] == value
