"""A deployment in the cloud takes from its stack whatever its options leave out."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from commands.config_files import CONFIGS
from commands.serving.place import with_place
from utils.errors import ConfigurationError
from utils.serving.options import DeploymentOptions

VALUES = {
    "<BUCKET>": "bucket",
    "<PROJECT_ID>": "eo-project",
    "<REGION>": "europe-west4",
    "<SERVICE_ACCOUNT>": "trainer@eo-project.iam.gserviceaccount.com",
    "<REPOSITORY>": "spyglass",
    "<MLFLOW_URL>": "https://mlflow.example.com",
    "<LABEL_STUDIO_URL>": "https://labels.example.com",
    "<IMAGE>": "image",
}


@pytest.fixture(params=["vertex", "vertex_steps"])
def stack(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """One of the shipped stacks, filled in."""
    text = (CONFIGS / "stacks" / f"{request.param}.yaml").read_text()
    for placeholder, value in VALUES.items():
        text = text.replace(placeholder, value)
    file = tmp_path / "mine.yaml"
    file.write_text(text)
    return str(file)


def options(**cloud: object) -> DeploymentOptions:
    return DeploymentOptions(where="vertex", cloud=cloud)


def test_project_region_registry_and_account_are_those_of_the_stack(stack):
    cloud = with_place(options(stack=stack)).cloud
    assert (cloud.project, cloud.region) == ("eo-project", "europe-west4")
    assert cloud.registry == "europe-west4-docker.pkg.dev/eo-project/spyglass"
    assert cloud.service_account == VALUES["<SERVICE_ACCOUNT>"]


def test_options_win_over_the_stack(stack):
    cloud = with_place(options(stack=stack, region="us-central1")).cloud
    assert (cloud.project, cloud.region) == ("eo-project", "us-central1")


def test_a_service_on_this_machine_needs_no_stack():
    here = DeploymentOptions(cloud={"stack": "missing"})
    assert with_place(here) == here


def test_a_stack_that_is_not_filled_in_says_so():
    with pytest.raises(ConfigurationError, match=r"vertex\.yaml is not filled in, .* --deploy"):
        with_place(options())


def test_a_missing_stack_says_how_to_name_the_place():
    with pytest.raises(ConfigurationError, match=r"no configs/stacks/missing\.yaml.*--set deploy"):
        with_place(options(stack="missing"))


def test_a_secret_is_no_account(stack, tmp_path):
    document = yaml.safe_load(Path(stack).read_text())
    for component in document["components"].values():
        for key in ("workload_service_account", "service_account"):
            if key in component.get("configuration", {}):
                component["configuration"][key] = "{{secret.account}}"
    Path(stack).write_text(yaml.safe_dump(document))
    assert with_place(options(stack=stack)).cloud.service_account is None
