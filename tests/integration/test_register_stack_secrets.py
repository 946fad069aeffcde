"""Secrets of `--register-stack`: ZenML keeps them, and nobody is shown one."""

from __future__ import annotations

from zenml.client import Client
from zenml.enums import StackComponentType

from tests.fixtures.registering import NEVER_SHOWN, PASSWORD, tracker

TRACKER = StackComponentType.EXPERIMENT_TRACKER


def test_a_secret_of_the_environment_is_kept_by_zenml_and_shown_nowhere(admin, monkeypatch):
    admin.writes(experiment_tracker=tracker())
    admin.registers("--verbose")
    secret = f"experiment_tracker-experiment_tracker-{admin.name}"

    assert admin.component(TRACKER).configuration["tracking_token"] == (
        f"{{{{{secret}.tracking_token}}}}"
    )
    assert Client().get_secret(secret).secret_values == {"tracking_token": PASSWORD}
    monkeypatch.delenv("TRACKER_PASSWORD")
    assert "nothing to do" in admin.registers()


def test_a_changed_secret_is_a_difference_without_its_values(admin, monkeypatch):
    admin.writes(experiment_tracker=tracker())
    admin.registers()
    changed = f"{PASSWORD}, changed"
    monkeypatch.setenv("TRACKER_PASSWORD", changed)

    assert "  tracking_token: (secret) → (secret)\n" in admin.registers(exit_code=2)
    admin.registers("--yes")
    secret = Client().get_secret(f"experiment_tracker-experiment_tracker-{admin.name}")
    assert secret.secret_values == {"tracking_token": changed}


def test_a_secret_registered_in_the_clear_is_not_shown_either(admin):
    admin.writes(experiment_tracker=tracker())
    admin.registers()
    Client().update_stack_component(
        admin.component(TRACKER).id,
        TRACKER,
        configuration={"tracking_token": f"{PASSWORD} old"},
    )

    assert "  tracking_token: (secret) → (secret)\n" in admin.registers(exit_code=2)


def test_a_password_in_a_registered_address_is_not_shown_either(admin):
    admin.writes(experiment_tracker=tracker())
    admin.registers()
    address = f"https://me:{NEVER_SHOWN}@mlflow.example.com"
    Client().update_stack_component(
        admin.component(TRACKER).id, TRACKER, configuration={"tracking_uri": address}
    )

    assert "  tracking_uri: (secret) → https://mlflow.example.com\n" in admin.registers(exit_code=2)


def test_what_zenml_says_when_it_refuses_a_secret_is_not_shown(admin, monkeypatch):
    monkeypatch.setenv("TRACKER_PASSWORD", PASSWORD * 10_000)  # longer than its database takes
    admin.writes(experiment_tracker=tracker())

    shown = admin.registers("--verbose", exit_code=2)

    assert "ZenML refuses the secret" in shown
    assert "What it says is not shown, because it may repeat a secret" in shown


def test_a_variable_that_is_not_set_is_named_with_its_key(admin, monkeypatch):
    monkeypatch.delenv("TRACKER_PASSWORD")
    admin.writes(experiment_tracker=tracker())

    shown = admin.registers(exit_code=2)

    assert shown == (
        f"Error: {admin.file}: components.experiment_tracker.configuration.tracking_token: the "
        "environment variable TRACKER_PASSWORD is not set. Set it for this call; ZenML keeps its "
        "value as a secret from then on.\n"
    )
    assert not Client().list_stacks(name=admin.name)


def test_a_zenml_secret_of_the_users_own_is_referred_to_as_it_is(admin):
    Client().create_secret(admin.name, values={"token": PASSWORD})
    reference = f"{{{{{admin.name}.token}}}}"
    admin.writes(experiment_tracker=tracker(tracking_token=reference))
    admin.registers()

    assert admin.component(TRACKER).configuration["tracking_token"] == reference
    assert "nothing to do" in admin.registers()
