"""Stacks from YAML in a real ZenML store, and the Label Studio that a stack names."""

from __future__ import annotations

from collections.abc import Callable
from uuid import uuid4

import pytest
import yaml
from zenml.client import Client
from zenml.constants import ENV_ZENML_ACTIVE_STACK_ID
from zenml.enums import StackComponentType

from commands.stacks import files
from commands.stacks.registration import activate_stack
from records.annotator import annotator_credentials
from tests.fixtures.user import User
from utils.errors import ConfigurationError
from utils.ports import free_port

TRACKER = StackComponentType.EXPERIMENT_TRACKER
LOCAL_PARTS = {"orchestrator": {"name": "default"}, "artifact_store": {"name": "default"}}


@pytest.fixture
def name(monkeypatch) -> str:
    """A name that no other stack has; the choice of this process is forgotten after the test."""
    monkeypatch.setenv(ENV_ZENML_ACTIVE_STACK_ID, "")
    monkeypatch.delenv(ENV_ZENML_ACTIVE_STACK_ID)
    return f"stack-{uuid4().hex[:8]}"


@pytest.fixture
def describe(name, tmp_path, monkeypatch) -> Callable[..., None]:
    """Writes the stack's file, with any parts on top of the local ones."""
    monkeypatch.setattr(files, "CONFIGS", tmp_path)
    (tmp_path / "stacks").mkdir()

    def write(**parts: object) -> None:
        description = {"name": name, "components": {**LOCAL_PARTS, **parts}}
        (tmp_path / "stacks" / f"{name}.yaml").write_text(yaml.safe_dump(description))

    return write


def tracker(name: str, uri: str) -> dict[str, object]:
    return {"name": f"mlflow-{name}", "flavor": "mlflow", "configuration": {"tracking_uri": uri}}


def annotator(name: str, **configuration: object) -> dict[str, object]:
    return {"name": f"ls-{name}", "flavor": "label_studio", "configuration": configuration}


def test_a_stack_is_registered_once(name, describe, capsys):
    describe(experiment_tracker=tracker(name, "sqlite:///${LOCAL}/mlflow.db"))
    first = activate_stack(name)
    assert f"Registered stack '{name}'" in capsys.readouterr().out
    second = activate_stack(name)

    assert second.id == first.id
    assert capsys.readouterr().out == ""
    assert len(Client().list_stacks(name=name)) == 1


def test_local_state_is_filled_in(name, describe, local_state):
    describe(experiment_tracker=tracker(name, "sqlite:///${LOCAL}/mlflow.db"))
    component = activate_stack(name).components[TRACKER][0]

    assert component.configuration["tracking_uri"] == f"sqlite:///{local_state}/mlflow.db"


def test_a_changed_component_is_brought_in_step_when_the_user_agrees(name, describe):
    describe(experiment_tracker=tracker(name, "sqlite:///old.db"))
    before = activate_stack(name)
    describe(experiment_tracker=tracker(name, "sqlite:///new.db"))
    after = activate_stack(name, yes=True)

    component = Client().get_stack(name).components[TRACKER][0]
    assert after.id == before.id
    assert component.configuration["tracking_uri"] == "sqlite:///new.db"


def test_an_added_component_is_brought_in_step_when_the_user_agrees(name, describe):
    describe()
    before = activate_stack(name)
    describe(experiment_tracker=tracker(name, "sqlite:///new.db"))
    after = activate_stack(name, yes=True)

    assert after.id == before.id
    assert Client().get_stack(name).components[TRACKER][0].name == f"mlflow-{name}"


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        pytest.param(
            {"annotator": annotator("new", port=9000)},
            r"stack 'stack-\w+' \(annotator\)",
            id="added",
        ),
        pytest.param(
            {"experiment_tracker": tracker("same", "sqlite:///new.db")},
            r"experiment_tracker 'mlflow-same' \(tracking_uri\)",
            id="changed",
        ),
    ],
)
def test_what_is_registered_stays_until_the_user_agrees(parts, message, name, describe):
    before = {"experiment_tracker": tracker("same", "sqlite:///old.db")}
    describe(**before)
    activate_stack(name, yes=True)
    describe(**before | parts)

    with pytest.raises(ConfigurationError, match=f"{message}.*--yes"):
        activate_stack(name)
    components = Client().get_stack(name).components
    assert components[TRACKER][0].configuration["tracking_uri"] == "sqlite:///old.db"
    assert StackComponentType.ANNOTATOR not in components


def test_the_users_active_stack_stays_as_it_was(name, describe, monkeypatch):
    describe()
    chosen_by_the_user = Client().active_stack_model.name
    activate_stack(name)
    assert Client().active_stack_model.name == name
    monkeypatch.delenv(ENV_ZENML_ACTIVE_STACK_ID)

    assert chosen_by_the_user != name
    assert Client().active_stack_model.name == chosen_by_the_user


def test_a_stack_without_a_file_is_found_in_zenml(name):
    parts = {
        kind: Client().get_stack("default").components[kind][0].id
        for kind in (StackComponentType.ORCHESTRATOR, StackComponentType.ARTIFACT_STORE)
    }
    registered = Client().create_stack(name, components=parts)

    assert activate_stack(name).id == registered.id


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        pytest.param(
            {"experiment_traker": {"name": "x"}}, "experiment_tracker", id="kind of component"
        ),
        pytest.param(
            {"experiment_tracker": {"name": "x", "flavour": "mlflow"}}, "flavor", id="key"
        ),
        pytest.param(
            {"experiment_tracker": {"name": "nobody"}},
            "There is no experiment_tracker 'nobody'",
            id="component that is nowhere",
        ),
    ],
)
def test_a_wrong_file_is_told_with_what_was_probably_meant(parts, message, name, describe):
    describe(**parts)
    with pytest.raises(ConfigurationError, match=message):
        activate_stack(name)


def test_an_unknown_stack_is_told_with_what_was_probably_meant():
    with pytest.raises(ConfigurationError, match=r"There is no stack 'locl'.*local"):
        activate_stack("locl")


def test_a_stack_without_annotator_names_no_label_studio(name, describe):
    describe()
    activate_stack(name)

    assert annotator_credentials() is None


@pytest.mark.parametrize(
    ("configuration", "url"),
    [
        pytest.param({"instance_url": "https://labels.example.com"}, "https://labels.example.com",
                     id="its address"),
        pytest.param({"instance_url": "http://localhost", "port": 9000}, "http://localhost:9000",
                     id="its port"),
        pytest.param({"instance_url": "http://localhost"}, "http://localhost:8093",
                     id="ZenML's port on this machine"),
    ],
)  # fmt: skip
def test_address_and_token_come_from_the_annotator_and_its_secret(
    configuration, url, name, describe
):
    Client().create_secret(f"secret-{name}", values={"api_key": "t0ken"})
    describe(annotator=annotator(name, authentication_secret=f"secret-{name}", **configuration))
    activate_stack(name)

    assert annotator_credentials() == (url, "t0ken")


def test_a_token_from_the_environment_comes_out_of_the_secret_that_keeps_it(
    name, describe, monkeypatch
):
    monkeypatch.setenv("LABELS_TOKEN", "t0ken")
    describe(annotator=annotator(name, instance_url="https://x.org", api_key="${env:LABELS_TOKEN}"))
    component = activate_stack(name).components[StackComponentType.ANNOTATOR][0]

    assert component.configuration["api_key"] == f"{{{{annotator-ls-{name}.api_key}}}}"
    assert annotator_credentials() == ("https://x.org", "t0ken")


def test_a_missing_secret_is_told_with_how_to_make_it(name, describe):
    describe(annotator=annotator(name, authentication_secret="nowhere"))
    activate_stack(name)

    with pytest.raises(ConfigurationError) as told:
        annotator_credentials()
    assert str(told.value) == (
        f"The secret 'nowhere' of the annotator 'ls-{name}' does not exist. "
        "Make it with: zenml secret create nowhere --api_key=<token>"
    )


def test_a_secret_without_token_is_told(name, describe):
    Client().create_secret(f"secret-{name}", values={"password": "t0ken"})
    describe(annotator=annotator(name, authentication_secret=f"secret-{name}"))
    activate_stack(name)

    with pytest.raises(ConfigurationError, match="has no key 'api_key'"):
        annotator_credentials()


def test_an_annotator_without_token_is_told(name, describe):
    describe(annotator=annotator(name, instance_url="https://labels.example.com"))
    activate_stack(name)

    with pytest.raises(ConfigurationError, match="neither api_key nor authentication_secret"):
        annotator_credentials()


@pytest.mark.parametrize(
    "url",
    [
        pytest.param("http://127.0.0.1:{port}", id="nobody listens"),
        pytest.param("http://no-such-host.invalid", id="no such host"),
    ],
)
def test_a_zenml_server_that_does_not_answer_is_told_in_one_sentence(tmp_path, url):
    address = url.format(port=free_port())
    server = {"ZENML_STORE_URL": address, "ZENML_STORE_USERNAME": "a", "ZENML_STORE_PASSWORD": "b"}
    shown = User(tmp_path, server).runs("--promote", "staging", exit_code=1)
    assert f"Error: The ZenML server {address} does not answer (" in shown
    assert "zenml login <url>" in shown
    assert len(shown.splitlines()) == 1
