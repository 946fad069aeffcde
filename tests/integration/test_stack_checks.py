"""`--check-stack` tries every part, stops at none, and names the command for each failure."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import yaml

from commands.config_files import CONFIGS
from tests.emulators.cloud_project import HOSTS
from tests.emulators.credentials import ACCOUNT, PROJECT
from tests.emulators.google_apis import GoogleApis
from tests.fixtures.google_cloud import GoogleCloud
from tests.fixtures.mlflow_server import PASSWORD, USER, Door
from tests.fixtures.user import User
from utils.annotation.label_studio.server import ServerConnection
from utils.google_cloud.credentials import LOGIN

REGION = "europe-west4"
_SERVER = (
    "ZENML_CONFIG_PATH",
    "ZENML_STORE_URL",
    "ZENML_STORE_USERNAME",
    "ZENML_STORE_PASSWORD",
)


@dataclass
class Checking:
    """Someone with a Vertex stack in a ZenML of their own.

    Attributes:
        user: Types the commands.
        name: Begins the names of the stack and its components.
        file: The stack's file: the project's own with its placeholders filled.
        cloud: State of Google.
        apis: Google's APIs, which describe it.
        door: The way to MLflow.
    """

    user: User
    name: str
    file: Path
    cloud: GoogleCloud
    apis: GoogleApis
    door: Door

    def changes(self, **components: dict[str, Any]) -> None:
        """Write other values into the file; a component that is empty is left out."""
        document = yaml.safe_load(self.file.read_text())
        for kind, configuration in components.items():
            document["components"][kind].setdefault("configuration", {}).update(configuration)
            if not configuration:
                del document["components"][kind]
        self.file.write_text(yaml.safe_dump(document, sort_keys=False))

    def checks(self, *flags: str, exit_code: int = 1) -> dict[str, str]:
        """Register and check; what each line says, by sign and subject."""
        file = str(self.file)
        shown = self.user.calls(
            "--register-stack", file, "--yes", "--check-stack", file, *flags, exit_code=exit_code
        )
        print(shown)
        return _by_subject(shown)


def _by_subject(shown: str) -> dict[str, str]:
    lines = [line.strip() for line in shown.splitlines() if line.startswith(("  ✓", "  ✗", "  –"))]
    return dict(line.split(": ", 1) for line in lines)


@pytest.fixture
def apis(google_cloud: GoogleCloud) -> Iterator[GoogleApis]:
    """The APIs of a project that has everything."""
    server = GoogleApis(google_cloud.certificate, google_cloud.tokens.accepts)
    for host in HOSTS:
        google_cloud.proxy.route(host, server.port)
    yield server
    server.stop()


@pytest.fixture
def checking(
    tmp_path: Path,
    google_cloud: GoogleCloud,
    apis: GoogleApis,
    mlflow_door: Door,
    label_studio: ServerConnection,
) -> Checking:
    name = f"check-{uuid4().hex[:8]}"
    values = {
        "PROJECT_ID": google_cloud.project,
        "REGION": REGION,
        "BUCKET": google_cloud.bucket.removeprefix("gs://"),
        "REPOSITORY": "spyglass",
        "IMAGE": f"{REGION}-docker.pkg.dev/{PROJECT}/spyglass/spyglass:1",
        "SERVICE_ACCOUNT": ACCOUNT,
        "MLFLOW_URL": mlflow_door.url,
        "LABEL_STUDIO_URL": label_studio.url,
    }
    text = (CONFIGS / "stacks" / "vertex.yaml").read_text(encoding="utf-8")
    for placeholder, value in values.items():
        text = text.replace(f"<{placeholder}>", value)
    file = tmp_path / "vertex.yaml"
    file.write_text(text.replace("name: spyglass", f"name: {name}"))
    environment = {
        **google_cloud.environment,
        "MLFLOW_TRACKING_USERNAME": USER,
        "MLFLOW_TRACKING_PASSWORD": PASSWORD,
        "LABEL_STUDIO_API_KEY": label_studio.api_key,
    }
    here = {key: value for key, value in environment.items() if key not in _SERVER}
    return Checking(User(tmp_path, here), name, file, google_cloud, apis, mlflow_door)


def test_a_complete_stack_passes_on_a_server_that_jobs_can_reach(checking, tmp_path):
    remote = {key: checking.cloud.environment[key] for key in _SERVER}
    user = User(tmp_path, {**checking.user.environment, **remote})
    file = str(checking.file)

    shown = user.runs("--register-stack", file, "--check-stack", file)

    assert "✗" not in shown
    assert "Note:" not in shown
    lines = _by_subject(shown)
    bucket, name = checking.cloud.bucket, checking.name
    registry = f"{REGION}-docker.pkg.dev/{PROJECT}/spyglass"
    assert lines == {
        f"✓ stack '{name}-vertex'": "registered as in vertex.yaml",
        "✓ ZenML server": remote["ZENML_STORE_URL"],
        "✓ ZenML's gcp integration": "installed",
        "✓ credentials": "a user, refreshed just now",
        "✓ APIs": f"6 on in {PROJECT}",
        f"✓ artifact_store '{name}-gcs'": f"{bucket} can be written, read and deleted from",
        f"✓ orchestrator '{name}-vertex'": f"Vertex AI is in {REGION}",
        f"✓ step_operator '{name}-vertex'": f"Vertex AI is in {REGION}",
        f"✓ container_registry '{name}-registry'": f"{registry} takes images",
        "✓ service account": f"{ACCOUNT} may be used for jobs",
        "✓ 1 x NVIDIA_L4 (spot)": f"Compute Engine has NVIDIA_L4 in {REGION}-a, {REGION}-c",
        "✓ 1 x NVIDIA_L4 (spot), quota": "CustomModelTrainingPreemptibleL4GPUsPerProjectPerRegion "
        f"is 1 in {REGION}",
        "✓ 1 x NVIDIA_L4": f"Compute Engine has NVIDIA_L4 in {REGION}-a, {REGION}-c",
        "✓ 1 x NVIDIA_L4, quota": f"CustomModelTrainingL4GPUsPerProjectPerRegion is 2 in {REGION}",
        f"✓ experiment_tracker '{name}-mlflow-server'": f"{checking.door.url} answers and takes "
        "the credentials",
        f"✓ annotator '{name}-label-studio'": lines[f"✓ annotator '{name}-label-studio'"],
        f"– image_builder '{name}-docker'": "not used, since the jobs' image is not built "
        "(skip_build)",
    }
    assert "All 16 checks of the stack" in shown
    assert PASSWORD not in shown


def test_every_failure_is_told_with_its_remedy_and_none_stops_the_others(checking, tmp_path):
    checking.changes(
        artifact_store={"path": "gs://nowhere/zenml"},
        orchestrator={"location": "europe-west5"},
        annotator={"instance_url": "http://127.0.0.1:9"},
        container_registry={"uri": f"{REGION}-docker.pkg.dev/{PROJECT}/images"},
    )
    checking.user.environment["MLFLOW_TRACKING_PASSWORD"] = "forgotten"
    project = checking.apis.project
    project.accounts = []
    project.apis.discard("iam.googleapis.com")
    project.gpus = {"us-central1-a": {"nvidia-tesla-t4": 4}}
    project.quotas = {"CustomModelTrainingT4GPUsPerProjectPerRegion": {"us-central1": 4}}
    gpus = [
        {"accelerator_type": "NVIDIA_TESLA_T4", "accelerator_count": 2},
        {"accelerator_type": "NVIDIA_TESLA_V100"},
    ]
    config = checking.user.writes("gpu", machines=gpus)

    lines = checking.checks("--config", config)

    name = checking.name
    remedies = {
        "ZenML server": "zenml login <url>",
        "APIs": f"gcloud services enable iam.googleapis.com --project={PROJECT}",
        f"artifact_store '{name}-gcs'": "gcloud storage buckets create gs://nowhere "
        f"--project={PROJECT} --location=europe-west5",
        f"orchestrator '{name}-vertex'": "gcloud compute regions list",
        f"container_registry '{name}-registry'": "gcloud artifacts repositories create images",
        "service account": f"gcloud services enable iam.googleapis.com --project={PROJECT}",
        "NVIDIA_TESLA_V100": "the job runs on CPU. Write accelerator_count: 1",
        "2 x NVIDIA_TESLA_T4": "gcloud compute accelerator-types list",
        "2 x NVIDIA_TESLA_T4, quota": "gcloud beta quotas preferences create",
        f"experiment_tracker '{name}-mlflow-server'": "python run.py --register-stack",
        f"annotator '{name}-label-studio'": "nothing answers at http://127.0.0.1:9. Correct "
        "instance_url and the token, then: python run.py --register-stack",
    }
    for subject, remedy in remedies.items():
        assert remedy in lines[f"✗ {subject}"]
    assert lines[f"✓ step_operator '{name}-vertex'"] == f"Vertex AI is in {REGION}"


def test_without_credentials_the_servers_are_tried_all_the_same(checking):
    checking.cloud.tokens.expire()
    checking.door.is_shut.set()

    lines = checking.checks()

    assert lines["✗ credentials"].endswith(f"Log in with: {LOGIN}")
    assert lines["– APIs"] == "not tried without credentials"
    assert lines[f"– artifact_store '{checking.name}-gcs'"] == "not tried without credentials"
    assert (
        f"Nothing answers at {checking.door.url}"
        in (lines[f"✗ experiment_tracker '{checking.name}-mlflow-server'"])
    )
    assert f"✓ annotator '{checking.name}-label-studio'" in lines


def test_the_credentials_of_a_connector_are_used_by_the_components_that_name_it(checking):
    key = json.loads(checking.cloud.service_account.read_text())
    urls = ("auth_uri", "auth_provider_x509_cert_url", "client_x509_cert_url")
    checking.user.environment["KEY"] = json.dumps({**key, **dict.fromkeys(urls, "https://x.org")})
    document = yaml.safe_load(checking.file.read_text())
    document["connectors"] = {
        checking.name: {
            "type": "gcp",
            "auth_method": "service-account",
            "configuration": {"service_account_json": "${env:KEY}"},
        }
    }
    document["components"]["orchestrator"]["connector"] = checking.name
    checking.file.write_text(yaml.safe_dump(document))
    del checking.user.environment["GOOGLE_APPLICATION_CREDENTIALS"]

    lines = checking.checks()

    assert lines["✓ credentials"] == (f"{ACCOUNT}, refreshed just now, through '{checking.name}'")
    assert lines["✗ Application Default Credentials"].endswith(LOGIN)
    assert lines["✓ APIs"] == f"6 on in {PROJECT}"


def test_a_stack_that_is_not_registered_is_told_and_stays_so(checking):
    shown = checking.user.calls("--check-stack", str(checking.file), exit_code=1)

    assert f"orchestrator '{checking.name}-vertex' is missing" in shown
    assert f"python run.py --register-stack {checking.file} --yes" in shown
    again = checking.user.calls("--check-stack", str(checking.file), exit_code=1)
    assert again == shown


def test_what_a_registration_would_change_is_shown_without_changing_it(checking):
    checking.checks()
    checking.changes(orchestrator={"location": "us-central1"})

    for _ in range(2):
        shown = checking.user.calls("--check-stack", str(checking.file), exit_code=1)
        assert f"differs (location: {REGION} → us-central1)" in shown


@pytest.mark.slow
def test_jobs_that_cannot_reach_the_artifact_store_are_told(checking, tmp_path):
    remote = {key: checking.cloud.environment[key] for key in _SERVER}
    user = User(tmp_path, {**checking.user.environment, **remote})
    document = yaml.safe_load(checking.file.read_text())
    document["components"]["artifact_store"] = {
        "name": checking.name,
        "flavor": "local",
        "configuration": {"path": str(tmp_path)},
    }
    checking.file.write_text(yaml.safe_dump(document))
    file = str(checking.file)

    shown = user.runs("--register-stack", file, "--check-stack", file, exit_code=1)

    assert (
        f"✗ ZenML server: The orchestrator '{checking.name}-vertex' runs jobs in the cloud, and "
        f"they cannot reach the artifact store '{checking.name}' of this machine."
    ) in shown


def test_a_stack_on_this_machine_needs_no_cloud(checking):
    file = checking.user.folder / "local.yaml"
    parts = {"orchestrator": {"name": "default"}, "artifact_store": {"name": "default"}}
    file.write_text(yaml.safe_dump({"name": checking.name, "components": parts}))

    shown = checking.user.calls("--register-stack", str(file), "--check-stack", checking.name)

    assert "✓ ZenML server" in shown
    assert "– orchestrator 'default': of flavor 'local', nothing to try" in shown
    assert "All 1 checks of the stack" in shown
    assert checking.apis.asked == []


def test_an_unknown_stack_is_told_with_those_there_are(checking):
    shown = checking.user.calls("--check-stack", "vertx", exit_code=2)

    assert shown.startswith("Error: There is no stack 'vertx'. Known are ")
