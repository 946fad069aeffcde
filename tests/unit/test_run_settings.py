"""The settings of a run: the pipeline's own file over its stack's."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from commands.config_files import CONFIGS, read_yaml
from commands.runs.configuration import RunConfiguration
from commands.runs.settings import merged, run_settings
from utils.errors import ConfigurationError

STEPS = ["plan_shards", "tile_scenes", "gather_tiles"]
nested = st.recursive(
    st.integers(), lambda inner: st.dictionaries(st.sampled_from("abc"), inner, max_size=3)
)
mappings = st.dictionaries(st.sampled_from("abc"), nested, max_size=3)


@pytest.fixture
def settings(tmp_path: Path):
    """The settings of a run on a stack with some defaults."""

    def call(defaults: dict, operator: dict | None = None, **own: object) -> dict:
        stack = tmp_path / "stack.yaml"
        parts = {"orchestrator": {"name": "v", "flavor": "vertex"}, "artifact_store": {"name": "a"}}
        parts["step_operator"] = {"name": "s", "flavor": "vertex", "configuration": operator or {}}
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


def orchestrator(**jobs: object) -> dict:
    return {"orchestrator": {"custom_job_parameters": jobs}}


MISSPELT = [
    pytest.param({"settings": {"dockr": {}}}, "settings: unknown key 'dockr'.*'docker'", id="part"),
    pytest.param(
        {"settings": {"docker": {"parent_imag": "a"}}},
        "settings.docker: unknown key 'parent_imag'.*'parent_image'",
        id="image",
    ),
    pytest.param(
        {"settings": {"orchestrator": {"custom_job_parameter": {}}}},
        "settings.orchestrator: unknown key 'custom_job_parameter'.*'custom_job_parameters'",
        id="orchestrator",
    ),
    pytest.param(
        {"settings": {"orchestrator.vertex": {"labls": {}}}},
        r"settings\.orchestrator\.vertex: unknown key 'labls'.*'labels'",
        id="orchestrator by its flavor",
    ),
    pytest.param(
        {"settings": orchestrator(accelerator_typ="NVIDIA_L4")},
        r"settings\.\S+: unknown key 'accelerator_typ'.*'accelerator_type'",
        id="GPU",
    ),
    pytest.param(
        {"steps": {"tile_scenes": {"settings": orchestrator(spot=True)}}},
        "steps.tile_scenes.settings.orchestrator.custom_job_parameters: unknown key 'spot'",
        id="beside what Vertex is told",
    ),
    pytest.param(
        {"steps": {"tile_scenes": {"runtim": "isolated"}}},
        "steps.tile_scenes: unknown key 'runtim'.*'runtime'",
        id="step",
    ),
    pytest.param(
        {"steps": {"tile_scenes": {"retry": {"max_retrys": 2}}}},
        "steps.tile_scenes.retry: unknown key 'max_retrys'.*'max_retries'",
        id="deeper in a step",
    ),
    pytest.param(
        {"steps": {"tile_scene": {"runtime": "isolated"}}},
        "steps: unknown step 'tile_scene'.*'tile_scenes'",
        id="name of a step",
    ),
]


@pytest.mark.parametrize(("told", "message"), MISSPELT)
def test_a_key_that_zenml_would_drop_is_refused_in_both_files(told, message, settings):
    with pytest.raises(ConfigurationError, match=rf"p\.yaml: {message}"):
        settings({}, **told)
    with pytest.raises(ConfigurationError, match=rf"stack\.yaml: defaults\.{message}"):
        settings(told)


@pytest.mark.parametrize("own", [True, False], ids=["pipeline's file", "stack's file"])
@pytest.mark.parametrize("step", [None, "tile_scenes"], ids=["all steps", "one step"])
def test_what_the_jobs_of_dynamic_pipelines_ignore_is_refused(step, own, settings):
    spot = {"settings": orchestrator(additional_training_job_args={"strategy": "SPOT"})}
    told = {"steps": {step: spot}} if step else spot
    with pytest.raises(
        ConfigurationError,
        match=r"settings\.orchestrator\.custom_job_parameters\.additional_training_job_args: the "
        r"jobs of dynamic pipelines .* settings\.orchestrator\.labels\.",
    ):
        settings({}, **told) if own else settings(told)


def test_a_stack_may_say_how_the_jobs_of_a_training_run(settings):
    spot = {"settings": orchestrator(additional_training_job_args={"strategy": "SPOT"})}
    assert settings({"steps": {"train_detector": spot}})["steps"] == {}


@pytest.mark.parametrize("flavor", ["local", None], ids=["without settings", "registered before"])
def test_settings_of_an_orchestrator_elsewhere_do_not_keep_a_pipeline_from_running_here(
    flavor, tmp_path
):
    stack = tmp_path / "stack.yaml"
    parts = {"orchestrator": {"name": "default", "flavor": flavor}}
    stack.write_text(yaml.safe_dump({"name": "s", "components": parts}))
    own = {"settings": orchestrator(machine_type="g2-standard-8")}
    found = run_settings(RunConfiguration(Path("p.yaml"), str(stack), {}, own), STEPS)
    assert found["settings"] == own["settings"]


@pytest.mark.parametrize("file", sorted(CONFIGS.glob("*.yaml")), ids=lambda file: file.stem)
def test_the_files_of_the_project_are_understood(file, tmp_path):
    own = read_yaml(file)
    name = "slurm" if own.get("stack") == "slurm" else "vertex"
    stack = tmp_path / f"{name}.yaml"
    text = (CONFIGS / "stacks" / f"{name}.yaml").read_text()
    stack.write_text(re.sub("<[A-Z_]+>", "filled", text))
    run_settings(RunConfiguration(file, str(stack), {}, own), list(own.get("steps", STEPS)))


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


SPOT = {"additional_training_job_args": {"strategy": "SPOT"}}


@pytest.mark.parametrize(
    ("defaults", "operator", "place"),
    [
        pytest.param({"settings": {"step_operator": SPOT}}, {}, "settings", id="of the run"),
        pytest.param(
            {"steps": {"tile_scenes": {"settings": {"step_operator.vertex": SPOT}}}},
            {},
            "steps.tile_scenes.settings",
            id="of a step",
        ),
        pytest.param({}, SPOT, "components.step_operator.configuration", id="of the component"),
    ],
)
def test_what_the_step_operator_would_leave_out_is_refused(settings, defaults, operator, place):
    with pytest.raises(ConfigurationError, match="does not pass these on") as refused:
        settings(defaults, operator)
    assert f"{place}." in str(refused.value)
    assert "configs/stacks/vertex.yaml" in str(refused.value)
