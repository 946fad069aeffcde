"""`--register-stack` in a real ZenML store: what it registers, shows and changes."""

from __future__ import annotations

import json

from zenml.client import Client
from zenml.enums import StackComponentType

from commands.config_files import CONFIGS
from tests.fixtures.registering import NEVER_SHOWN, PASSWORD, Registering, tracker

ORCHESTRATOR = StackComponentType.ORCHESTRATOR
STORE = StackComponentType.ARTIFACT_STORE
TRACKER = StackComponentType.EXPERIMENT_TRACKER
VALUES = {
    "PROJECT_ID": "fleet",
    "BUCKET": "tiles",
    "REPOSITORY": "spyglass",
    "IMAGE": "europe-west4-docker.pkg.dev/fleet/spyglass/spyglass:1",
    "SERVICE_ACCOUNT": "jobs@fleet.iam.gserviceaccount.com",
    "MLFLOW_URL": "https://mlflow.example.com",
    "LABEL_STUDIO_URL": "https://labels.example.com",
}


def fill_in(admin: Registering, region: str) -> None:
    """The project's own vertex.yaml with values in the place of placeholders, and other names."""
    text = (CONFIGS / "stacks" / "vertex.yaml").read_text(encoding="utf-8")
    for placeholder, value in {**VALUES, "REGION": region}.items():
        text = text.replace(f"<{placeholder}>", value)
    admin.file.write_text(text.replace("name: spyglass", f"name: {admin.name}"))


def test_the_vertex_stack_is_registered_shown_and_changed(admin, monkeypatch):
    for variable in (
        "MLFLOW_TRACKING_USERNAME",
        "MLFLOW_TRACKING_PASSWORD",
        "LABEL_STUDIO_API_KEY",
    ):
        monkeypatch.setenv(variable, f"{PASSWORD} {variable}")
    name = f"{admin.name}-vertex"
    fill_in(admin, "europe-west4")
    first = admin.registers()
    assert f"Registered orchestrator '{name}'." in first
    assert f"Done: the stack '{name}' is registered as in stack.yaml." in first
    assert f"Note: The orchestrator '{name}' runs jobs in the cloud, and they cannot reach" in first
    assert "nothing to do" in admin.registers()

    fill_in(admin, "us-central1")
    shown = admin.registers(exit_code=2)
    assert "  location: europe-west4 → us-central1\n" in shown
    assert "To change it, run this again with --yes." in shown
    [orchestrator] = Client().get_stack(name).components[ORCHESTRATOR]
    assert orchestrator.configuration["location"] == "europe-west4"

    assert f"Changed orchestrator '{name}'." in admin.registers("--yes")
    components = Client().get_stack(name).components
    assert len(components) == 7
    assert components[ORCHESTRATOR][0].configuration == {
        "project": "fleet",
        "location": "us-central1",
        "workload_service_account": "jobs@fleet.iam.gserviceaccount.com",
        "synchronous": True,
    }
    assert "nothing to do" in admin.registers()


def test_what_is_missing_is_registered_while_what_differs_waits_for_yes(admin):
    admin.writes(artifact_store={"flavor": "gcp", "path": "gs://old"})
    admin.registers()
    admin.writes(artifact_store={"flavor": "gcp", "path": "gs://new"}, experiment_tracker=tracker())

    shown = admin.registers(exit_code=2)

    assert f"Registered experiment_tracker 'experiment_tracker-{admin.name}'." in shown
    assert "  path: gs://old → gs://new\n" in shown
    assert f"  experiment_tracker: (none) → experiment_tracker-{admin.name}\n" in shown
    assert admin.component(STORE).configuration == {"path": "gs://old"}
    assert TRACKER not in Client().get_stack(admin.name).components


def test_a_key_that_the_file_no_longer_names_is_removed(admin):
    admin.writes(experiment_tracker=tracker(experiment_name="ships"))
    admin.registers()
    admin.writes(experiment_tracker=tracker())

    assert "  experiment_name: ships → (none)\n" in admin.registers("--yes")
    assert "experiment_name" not in admin.component(TRACKER).configuration
    assert "nothing to do" in admin.registers()


def test_a_value_that_zenml_writes_in_another_way_is_no_difference(admin):
    registry = {"flavor": "gcp", "uri": "europe-west4-docker.pkg.dev/fleet/spyglass/"}
    admin.writes(container_registry=registry)
    admin.registers()

    assert "nothing to do" in admin.registers()


def test_a_component_of_another_flavor_is_told(admin):
    admin.writes()
    admin.registers()
    admin.writes(artifact_store={"flavor": "local", "path": "${LOCAL}/artifacts"})

    name = f"artifact_store-{admin.name}"
    assert (
        f"artifact_store '{name}' is registered as 'gcp'. Give this one another name, or remove "
        f"that one with: zenml artifact-store delete {name}"
    ) in admin.registers("--yes", exit_code=2)


def service_account(project: str) -> str:
    keys = ("private_key_id", "private_key", "client_email", "client_id", "auth_uri", "token_uri",
            "auth_provider_x509_cert_url", "client_x509_cert_url")  # fmt: skip
    secrets = dict.fromkeys(keys, PASSWORD)
    return json.dumps({"type": "service_account", "project_id": project, **secrets})


def test_a_connector_is_registered_linked_changed_and_unlinked(admin, monkeypatch):
    def writes(connector: str | None, project: str = "fleet") -> None:
        monkeypatch.setenv("KEY", service_account(project))
        configuration = {
            "project_id": project,
            "service_account_json": "${env:KEY}",
            "generate_temporary_tokens": False,
        }
        described = {
            "type": "gcp", "auth_method": "service-account", "configuration": configuration
        }  # fmt: skip
        store = {"flavor": "gcp", "path": "gs://tiles", "connector": connector}
        admin.writes({name: described}, artifact_store=store)

    name = f"connector-{admin.name}"
    writes(name)
    assert f"Registered connector '{name}'." in admin.registers()
    assert admin.component(STORE).connector.name == name
    assert NEVER_SHOWN not in str(Client().get_service_connector(name).configuration)
    assert "nothing to do" in admin.registers()

    writes(name, project="navy")
    shown = admin.registers("--yes")
    assert "  project_id: fleet → navy\n" in shown
    assert "  service_account_json: (secret) → (secret)\n" in shown
    assert "nothing to do" in admin.registers()

    writes(None, project="navy")
    assert f"  connector: {name} → (none)\n" in admin.registers("--yes")
    assert admin.component(STORE).connector is None
