"""A stack file is complete, holds no secret, and says where secrets are kept."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from zenml.integrations.gcp.vertex_custom_job_parameters import VertexCustomJobParameters

from commands.config_files import CONFIGS
from commands.stacks.files import is_reference, read_stack, secret_in, stack_file, variable_in
from commands.stacks.job_settings import JobSettings, read_job_settings
from utils.errors import ConfigurationError
from utils.google_cloud.accelerators import Accelerator

VERTEX = CONFIGS / "stacks" / "vertex.yaml"
PLACEHOLDERS = sorted(
    set(re.findall(r"<[A-Z_]+>", re.sub(r"(?m)^\s*#.*", "", VERTEX.read_text(encoding="utf-8"))))
)


def written(folder: Path, content: object) -> Path:
    file = folder / "stack.yaml"
    file.write_text(content if isinstance(content, str) else yaml.safe_dump(content))
    return file


def stack_with(**configuration: object) -> dict[str, object]:
    tracker = {"name": "t", "flavor": "mlflow", "configuration": configuration}
    return {"name": "s", "components": {"experiment_tracker": tracker}}


def told(file: Path) -> str:
    with pytest.raises(ConfigurationError) as refused:
        read_stack(file)
    return str(refused.value).removeprefix(f"{file}: ")


def test_the_files_of_the_project_are_found_by_name_and_by_path(tmp_path):
    assert stack_file("vertex") == VERTEX
    assert stack_file(str(VERTEX)) == VERTEX
    assert stack_file("nowhere") is None
    assert stack_file(str(tmp_path / "nowhere.yaml")) is None


def test_the_first_placeholder_is_named_with_its_key():
    assert re.fullmatch(
        r"components\.artifact_store\.configuration\.path: "
        r"put your own value in the place of <BUCKET> \(and \d+ more\)\. "
        r"The file says .*--stack local\.",
        told(VERTEX),
    )


@pytest.mark.parametrize(
    ("left", "key"),
    [
        ("<BUCKET>", "components.artifact_store.configuration.path"),
        ("<LABEL_STUDIO_URL>", "components.annotator.configuration.instance_url"),
        ("<MLFLOW_URL>", "components.experiment_tracker.configuration.tracking_uri"),
        ("<PROJECT_ID>", "components.orchestrator.configuration.project"),
        ("<REGION>", "components.orchestrator.configuration.location"),
        ("<REPOSITORY>", "components.container_registry.configuration.uri"),
        ("<SERVICE_ACCOUNT>", "components.orchestrator.configuration.workload_service_account"),
    ],
)
def test_every_placeholder_left_unfilled_names_its_key(left, key, tmp_path):
    text = VERTEX.read_text(encoding="utf-8")
    for placeholder in PLACEHOLDERS:
        if placeholder != left:
            text = text.replace(placeholder, "filled")

    assert left in PLACEHOLDERS
    assert told(written(tmp_path, text)).startswith(
        f"{key}: put your own value in the place of {left}"
    )


def test_placeholders_in_comments_are_left_alone(tmp_path):
    file = written(tmp_path, f"# <BUCKET>\n{yaml.safe_dump(stack_with(tracking_uri='x'))}")

    assert read_stack(file).name == "s"


@pytest.mark.parametrize(
    ("value", "variable", "secret"),
    [
        pytest.param("${env:TOKEN}", "TOKEN", None, id="environment"),
        pytest.param("{{mlflow.token}}", None, ("mlflow", "token"), id="ZenML secret"),
        pytest.param("{{ mlflow.token }}", None, ("mlflow", "token"), id="with spaces"),
        pytest.param("token", None, None, id="literal"),
        pytest.param(7, None, None, id="number"),
    ],
)
def test_a_reference_says_where_a_secret_is_kept(value, variable, secret):
    assert variable_in(value) == variable
    assert secret_in(value) == secret
    assert is_reference(value) == bool(variable or secret)


@pytest.mark.parametrize(
    "reference",
    [
        pytest.param("${ENV:TOKEN}", id="misspelt"),
        pytest.param("${TOKEN}", id="without its place"),
        pytest.param("https://${env:HOST}/", id="part of a value"),
        pytest.param("{{token}}", id="secret without key"),
    ],
)
def test_a_reference_that_cannot_be_followed_is_told(reference, tmp_path):
    message = told(written(tmp_path, stack_with(tracking_token=reference)))

    assert message.startswith("components.experiment_tracker.configuration.tracking_token: ")
    assert message.endswith("Write ${env:NAME} or {{secret.key}}, as the whole value.")


@pytest.mark.parametrize(
    ("content", "key"),
    [
        pytest.param(
            stack_with(custom={"token": "${env:TOKEN}"}),
            "components.experiment_tracker.configuration.custom.token",
            id="deeper",
        ),
        pytest.param({"name": "{{a.b}}", "components": {}}, "name", id="elsewhere"),
    ],
)
def test_a_secret_where_none_is_looked_for_is_told(content, key, tmp_path):
    assert told(written(tmp_path, content)) == (
        f"{key}: a secret can only be the value of a key right under the configuration of a "
        "component or connector."
    )


def test_a_password_in_an_address_is_refused_and_not_repeated(tmp_path):
    message = told(written(tmp_path, stack_with(tracking_uri="https://me:hunter2@mlflow.org")))

    assert message.startswith(
        "components.experiment_tracker.configuration.tracking_uri: the address contains a password."
    )
    assert "hunter2" not in message


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param(
            {"name": "s", "components": {"orchestratr": {"name": "x"}}},
            "components: unknown key 'orchestratr': did you mean 'orchestrator'?",
            id="kind of component",
        ),
        pytest.param(
            {"name": "s", "componets": {}},
            "unknown key 'componets': did you mean 'components'?",
            id="part of the file",
        ),
        pytest.param(
            {"name": "s", "components": {"orchestrator": {"name": "x", "flavour": "local"}}},
            "components.orchestrator: unknown key 'flavour': did you mean 'flavor'?",
            id="part of a component",
        ),
        pytest.param(
            {"name": "s", "components": {}, "connectors": {"c": {"type": "gcp"}}},
            "connectors.c.auth_method: Field required",
            id="connector without method",
        ),
    ],
)
def test_a_misspelt_key_is_told_with_its_place(content, message, tmp_path):
    assert told(written(tmp_path, content)) == message


def test_the_gpus_of_configurations_are_found_wherever_they_stand(tmp_path):
    gpu = {"accelerator_type": "NVIDIA_L4", "accelerator_count": 2}
    spot = gpu | {"additional_training_job_args": {"strategy": "SPOT"}}
    steps = {
        "train_detector": {"settings": {"orchestrator": {"custom_job_parameters": spot}}},
        "evaluate_detector": {"settings": {"orchestrator": {"custom_job_parameters": gpu}}},
        "predict_scenes": {"settings": {"step_operator": gpu}},
    }
    file = written(tmp_path, {"settings": {"docker": {"skip_build": True}}, "steps": steps})

    found = read_job_settings([file, file])

    assert found.skip_build
    assert len(found.accelerators) == 2
    assert set(found.accelerators) == {
        Accelerator("NVIDIA_L4", 2, is_spot=True),
        Accelerator("NVIDIA_L4", 2),
    }


def test_a_gpu_without_a_count_is_none_as_for_zenml(tmp_path):
    file = written(tmp_path, {"custom_job_parameters": {"accelerator_type": "NVIDIA_L4"}})

    assert read_job_settings([file]).accelerators == (
        Accelerator("NVIDIA_L4", VertexCustomJobParameters().accelerator_count),
    )


def test_a_configuration_without_gpu_wants_none(tmp_path):
    assert read_job_settings([written(tmp_path, {"stack": "local"})]) == JobSettings()
