"""`--register-stack` in a real ZenML store: what it registers, shows, changes and keeps secret."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import yaml
from zenml.client import Client
from zenml.enums import StackComponentType

from commands.configuration import CONFIGS
from run import main

ORCHESTRATOR = StackComponentType.ORCHESTRATOR
STORE = StackComponentType.ARTIFACT_STORE
TRACKER = StackComponentType.EXPERIMENT_TRACKER
PASSWORD = "correct horse battery staple"
NEVER_SHOWN = PASSWORD[:8]


@dataclass
class Registering:
    """Someone who writes stack files and registers them.

    Attributes:
        name: That no other stack has; its components are named after it.
        file: The stack's file.
        capture: What the terminal shows.
        log: What every library logs.
    """

    name: str
    file: Path
    capture: pytest.CaptureFixture[str]
    log: pytest.LogCaptureFixture

    def writes(self, connectors: dict[str, Any] | None = None, **parts: Any) -> None:
        """Write the file; a part is a configuration, `flavor` and `connector` among it."""
        components = {"artifact_store": {"flavor": "gcp", "path": "gs://tiles"},
                      "orchestrator": {"flavor": "local"}, **parts}  # fmt: skip
        described = {
            kind: {
                "name": f"{kind}-{self.name}",
                "flavor": part.get("flavor"),
                "connector": part.get("connector"),
                "configuration": {
                    key: value for key, value in part.items() if key not in {"flavor", "connector"}
                },
            }
            for kind, part in components.items()
        }
        document = {"name": self.name, "connectors": connectors or {}, "components": described}
        self.file.write_text(yaml.safe_dump(document))

    def registers(self, *flags: str, exit_code: int = 0) -> str:
        """Everything that the terminal shows; fails on another exit code."""
        code = main(["--register-stack", str(self.file), *flags])
        shown = self.capture.readouterr()
        assert code == exit_code, shown
        assert NEVER_SHOWN not in shown.out + shown.err + self.log.text
        return shown.out + shown.err

    def component(self, kind: StackComponentType) -> Any:
        """As ZenML keeps it."""
        return Client().get_stack_component(kind, f"{kind.value}-{self.name}")


@pytest.fixture
def user(tmp_path, capsys, caplog, monkeypatch) -> Registering:
    monkeypatch.setenv("SPYGLASS_VERBOSE", "")  # --verbose sets it for the process
    monkeypatch.setenv("TRACKER_PASSWORD", PASSWORD)
    caplog.set_level(logging.DEBUG)
    return Registering(uuid4().hex[:8], tmp_path / "stack.yaml", capsys, caplog)


def tracker(**configuration: Any) -> dict[str, Any]:
    return {
        "flavor": "mlflow",
        "tracking_uri": "https://mlflow.example.com",
        "tracking_token": "${env:TRACKER_PASSWORD}",
        **configuration,
    }


VALUES = {
    "PROJECT_ID": "fleet",
    "BUCKET": "tiles",
    "REPOSITORY": "spyglass",
    "IMAGE": "europe-west4-docker.pkg.dev/fleet/spyglass/spyglass:1",
    "SERVICE_ACCOUNT": "jobs@fleet.iam.gserviceaccount.com",
    "MLFLOW_URL": "https://mlflow.example.com",
    "LABEL_STUDIO_URL": "https://labels.example.com",
}


def fill_in(user: Registering, region: str) -> None:
    """The project's own vertex.yaml with values in the place of placeholders, and other names."""
    text = (CONFIGS / "stacks" / "vertex.yaml").read_text(encoding="utf-8")
    for placeholder, value in {**VALUES, "REGION": region}.items():
        text = text.replace(f"<{placeholder}>", value)
    user.file.write_text(text.replace("name: spyglass", f"name: {user.name}"))


def test_the_vertex_stack_is_registered_shown_and_changed(user, monkeypatch):
    for variable in (
        "MLFLOW_TRACKING_USERNAME",
        "MLFLOW_TRACKING_PASSWORD",
        "LABEL_STUDIO_API_KEY",
    ):
        monkeypatch.setenv(variable, f"{PASSWORD} {variable}")
    name = f"{user.name}-vertex"
    fill_in(user, "europe-west4")
    first = user.registers()
    assert f"Registered orchestrator '{name}'." in first
    assert f"Done: the stack '{name}' is registered as in stack.yaml." in first
    assert f"Note: The orchestrator '{name}' runs jobs in the cloud, and they cannot reach" in first
    assert "nothing to do" in user.registers()

    fill_in(user, "us-central1")
    shown = user.registers(exit_code=2)
    assert "  location: europe-west4 → us-central1\n" in shown
    assert "To change it, run this again with --yes." in shown
    [orchestrator] = Client().get_stack(name).components[ORCHESTRATOR]
    assert orchestrator.configuration["location"] == "europe-west4"

    assert f"Changed orchestrator '{name}'." in user.registers("--yes")
    components = Client().get_stack(name).components
    assert len(components) == 7
    assert components[ORCHESTRATOR][0].configuration == {
        "project": "fleet",
        "location": "us-central1",
        "workload_service_account": "jobs@fleet.iam.gserviceaccount.com",
        "synchronous": True,
    }
    assert "nothing to do" in user.registers()


def test_what_is_missing_is_registered_while_what_differs_waits_for_yes(user):
    user.writes(artifact_store={"flavor": "gcp", "path": "gs://old"})
    user.registers()
    user.writes(artifact_store={"flavor": "gcp", "path": "gs://new"}, experiment_tracker=tracker())

    shown = user.registers(exit_code=2)

    assert f"Registered experiment_tracker 'experiment_tracker-{user.name}'." in shown
    assert "  path: gs://old → gs://new\n" in shown
    assert f"  experiment_tracker: (none) → experiment_tracker-{user.name}\n" in shown
    assert user.component(STORE).configuration == {"path": "gs://old"}
    assert TRACKER not in Client().get_stack(user.name).components


def test_a_key_that_the_file_no_longer_names_is_removed(user):
    user.writes(experiment_tracker=tracker(experiment_name="ships"))
    user.registers()
    user.writes(experiment_tracker=tracker())

    assert "  experiment_name: ships → (none)\n" in user.registers("--yes")
    assert "experiment_name" not in user.component(TRACKER).configuration
    assert "nothing to do" in user.registers()


def test_a_value_that_zenml_writes_in_another_way_is_no_difference(user):
    registry = {"flavor": "gcp", "uri": "europe-west4-docker.pkg.dev/fleet/spyglass/"}
    user.writes(container_registry=registry)
    user.registers()

    assert "nothing to do" in user.registers()


def test_a_component_of_another_flavor_is_told(user):
    user.writes()
    user.registers()
    user.writes(artifact_store={"flavor": "local", "path": "${LOCAL}/artifacts"})

    name = f"artifact_store-{user.name}"
    assert (
        f"artifact_store '{name}' is registered as 'gcp'. Give this one another name, or remove "
        f"that one with: zenml artifact-store delete {name}"
    ) in user.registers("--yes", exit_code=2)


def test_a_secret_of_the_environment_is_kept_by_zenml_and_shown_nowhere(user, monkeypatch):
    user.writes(experiment_tracker=tracker())
    user.registers("--verbose")
    secret = f"experiment_tracker-experiment_tracker-{user.name}"

    assert user.component(TRACKER).configuration["tracking_token"] == (
        f"{{{{{secret}.tracking_token}}}}"
    )
    assert Client().get_secret(secret).secret_values == {"tracking_token": PASSWORD}
    monkeypatch.delenv("TRACKER_PASSWORD")
    assert "nothing to do" in user.registers()


def test_a_changed_secret_is_a_difference_without_its_values(user, monkeypatch):
    user.writes(experiment_tracker=tracker())
    user.registers()
    changed = f"{PASSWORD}, changed"
    monkeypatch.setenv("TRACKER_PASSWORD", changed)

    assert "  tracking_token: (secret) → (secret)\n" in user.registers(exit_code=2)
    user.registers("--yes")
    secret = Client().get_secret(f"experiment_tracker-experiment_tracker-{user.name}")
    assert secret.secret_values == {"tracking_token": changed}


def test_a_secret_registered_in_the_clear_is_not_shown_either(user):
    user.writes(experiment_tracker=tracker())
    user.registers()
    Client().update_stack_component(
        user.component(TRACKER).id, TRACKER, configuration={"tracking_token": f"{PASSWORD} old"}
    )

    assert "  tracking_token: (secret) → (secret)\n" in user.registers(exit_code=2)


def test_a_password_in_a_registered_address_is_not_shown_either(user):
    user.writes(experiment_tracker=tracker())
    user.registers()
    address = f"https://me:{NEVER_SHOWN}@mlflow.example.com"
    Client().update_stack_component(
        user.component(TRACKER).id, TRACKER, configuration={"tracking_uri": address}
    )

    assert "  tracking_uri: (secret) → https://mlflow.example.com\n" in user.registers(exit_code=2)


def test_what_zenml_says_when_it_refuses_a_secret_is_not_shown(user, monkeypatch):
    monkeypatch.setenv("TRACKER_PASSWORD", PASSWORD * 10_000)  # longer than its database takes
    user.writes(experiment_tracker=tracker())

    shown = user.registers("--verbose", exit_code=2)

    assert "ZenML refuses the secret" in shown
    assert "What it says is not shown, because it may repeat a secret" in shown


def test_a_variable_that_is_not_set_is_named_with_its_key(user, monkeypatch):
    monkeypatch.delenv("TRACKER_PASSWORD")
    user.writes(experiment_tracker=tracker())

    shown = user.registers(exit_code=2)

    assert shown == (
        f"Error: {user.file}: components.experiment_tracker.configuration.tracking_token: the "
        "environment variable TRACKER_PASSWORD is not set. Set it for this call; ZenML keeps its "
        "value as a secret from then on.\n"
    )
    assert not Client().list_stacks(name=user.name)


def test_a_zenml_secret_of_the_users_own_is_referred_to_as_it_is(user):
    Client().create_secret(user.name, values={"token": PASSWORD})
    reference = f"{{{{{user.name}.token}}}}"
    user.writes(experiment_tracker=tracker(tracking_token=reference))
    user.registers()

    assert user.component(TRACKER).configuration["tracking_token"] == reference
    assert "nothing to do" in user.registers()


@pytest.mark.parametrize(
    ("part", "message"),
    [
        pytest.param(
            {"experiment_tracker": tracker(tracking_token=PASSWORD)},
            "components.experiment_tracker.configuration.tracking_token: a secret does not belong "
            "in a file. Write ${env:NAME} for the environment variable NAME, or "
            "{{name.tracking_token}} for a ZenML secret.",
            id="secret in the file",
        ),
        pytest.param(
            {"experiment_tracker": tracker(tracking_token="{{nowhere.token}}")},
            "components.experiment_tracker.configuration.tracking_token: there is no ZenML secret "
            "'nowhere'. Make it with: zenml secret create nowhere --token=<value>",
            id="no such secret",
        ),
        pytest.param(
            {"orchestrator": {"flavor": "vertx", "location": "europe-west4"}},
            "components.orchestrator.flavor: unknown flavor of orchestrator 'vertx': "
            "did you mean 'vertex'?",
            id="flavor",
        ),
        pytest.param(
            {"orchestrator": {"flavor": "vertex", "locaton": "europe-west4"}},
            "components.orchestrator.configuration: unknown key 'locaton': "
            "did you mean 'location'?",
            id="key",
        ),
        pytest.param(
            {"orchestrator": {"flavor": "vertex"}},
            "components.orchestrator.configuration: location: Field required",
            id="key that is needed",
        ),
        pytest.param(
            {"orchestrator": {"flavor": "vertex", "location": "r", "synchronous": "perhaps"}},
            "components.orchestrator.configuration: synchronous: Input should be a valid boolean, "
            "unable to interpret input",
            id="value",
        ),
        pytest.param(
            {"artifact_store": {"flavor": "gcp", "path": "s3://tiles"}},
            "does not start with one of its supported schemes",
            id="another cloud's bucket",
        ),
        pytest.param(
            {"container_registry": {"flavor": "gcp", "uri": "${env:TRACKER_PASSWORD}"}},
            "components.container_registry.configuration.uri: ZenML takes no secret here. "
            "Write it out.",
            id="secret where ZenML takes none",
        ),
        pytest.param(
            {"orchestrator": {"flavor": "vertex", "location": "r", "connector": "gpc"},
             "connectors": {"gcp": {"type": "gcp", "auth_method": "implicit",
                                    "configuration": {"project_id": "fleet"}}}},
            "components.orchestrator.connector: unknown connector 'gpc': did you mean 'gcp'?",
            id="connector",
        ),
        pytest.param(
            {"connectors": {"c": {"type": "gpc", "auth_method": "implicit"}}},
            "connectors.c.type: unknown type of connector 'gpc': did you mean 'gcp'?",
            id="type of connector",
        ),
        pytest.param(
            {"connectors": {"c": {"type": "gcp", "auth_method": "service_account"}}},
            "connectors.c.auth_method: unknown method 'service_account': "
            "did you mean 'service-account'?",
            id="method of connector",
        ),
        pytest.param(
            {"connectors": {"c": {"type": "gcp", "auth_method": "service-account",
                                  "configuration": {"service_account_json": PASSWORD}}}},
            "connectors.c.configuration.service_account_json: a secret does not belong in a file.",
            id="secret of a connector",
        ),
        pytest.param(
            {"connectors": {"c": {"type": "gcp", "auth_method": "service-account"}}},
            "connectors.c.configuration.service_account_json: the method 'service-account' needs "
            "it.",
            id="connector without its secret",
        ),
        pytest.param(
            {"connectors": {"c": {"type": "gcp", "auth_method": "service-account",
                            "configuration": {"service_account_json": "${env:TRACKER_PASSWORD}"}}}},
            "connectors.c.configuration: service_account_json: GCP service account credentials is "
            "not a valid JSON",
            id="connector with another secret",
        ),
    ],
)  # fmt: skip
def test_a_wrong_file_is_told_in_one_sentence_before_anything_is_registered(part, message, user):
    user.writes(**part)

    shown = user.registers(exit_code=2)

    assert message in shown
    assert len(shown.splitlines()) == 1
    assert not Client().list_stack_components(name=f"artifact_store-{user.name}")


def test_a_secret_that_zenml_cannot_even_read_is_told_without_it(user, monkeypatch):
    monkeypatch.setenv("KEY", json.dumps([PASSWORD]))
    configuration = {"service_account_json": "${env:KEY}"}
    user.writes(
        {"c": {"type": "gcp", "auth_method": "service-account", "configuration": configuration}}
    )

    assert "connectors.c.configuration: ZenML cannot read it" in user.registers(
        "--verbose", exit_code=2
    )


def service_account(project: str) -> str:
    keys = ("private_key_id", "private_key", "client_email", "client_id", "auth_uri", "token_uri",
            "auth_provider_x509_cert_url", "client_x509_cert_url")  # fmt: skip
    secrets = dict.fromkeys(keys, PASSWORD)
    return json.dumps({"type": "service_account", "project_id": project, **secrets})


def test_a_connector_is_registered_linked_changed_and_unlinked(user, monkeypatch):
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
        user.writes({name: described}, artifact_store=store)

    name = f"connector-{user.name}"
    writes(name)
    assert f"Registered connector '{name}'." in user.registers()
    assert user.component(STORE).connector.name == name
    assert NEVER_SHOWN not in str(Client().get_service_connector(name).configuration)
    assert "nothing to do" in user.registers()

    writes(name, project="navy")
    shown = user.registers("--yes")
    assert "  project_id: fleet → navy\n" in shown
    assert "  service_account_json: (secret) → (secret)\n" in shown
    assert "nothing to do" in user.registers()

    writes(None, project="navy")
    assert f"  connector: {name} → (none)\n" in user.registers("--yes")
    assert user.component(STORE).connector is None
