"""`--register-stack` with a wrong file: told in one sentence, and nothing is registered."""

from __future__ import annotations

import json

import pytest
from zenml.client import Client

from tests.fixtures.registering import PASSWORD, tracker


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
def test_a_wrong_file_is_told_in_one_sentence_before_anything_is_registered(part, message, admin):
    admin.writes(**part)

    shown = admin.registers(exit_code=2)

    assert message in shown
    assert len(shown.splitlines()) == 1
    assert not Client().list_stack_components(name=f"artifact_store-{admin.name}")


def test_a_secret_that_zenml_cannot_even_read_is_told_without_it(admin, monkeypatch):
    monkeypatch.setenv("KEY", json.dumps([PASSWORD]))
    configuration = {"service_account_json": "${env:KEY}"}
    admin.writes(
        {"c": {"type": "gcp", "auth_method": "service-account", "configuration": configuration}}
    )

    assert "connectors.c.configuration: ZenML cannot read it" in admin.registers(
        "--verbose", exit_code=2
    )
