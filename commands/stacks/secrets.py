"""Secrets of a stack: read from the environment or ZenML, kept by ZenML, never shown."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from pydantic import SecretStr
from zenml.client import Client

from commands.stacks.files import secret_in, variable_in
from utils.errors import ConfigurationError


def secret_name(kind: str, component: str) -> str:
    """Name the ZenML secret that keeps a component's values from the environment."""
    return f"{kind}-{component}".replace(".", "-")


def stored_values(name: str) -> dict[str, str] | None:
    """Return the values of a ZenML secret by key, None where there is no such secret."""
    try:
        return Client().get_secret_by_name_and_private_status(name).secret_values
    except (KeyError, NotImplementedError):  # the latter where ZenML keeps no secrets at all
        return None


def secret_value(place: str, reference: str, known: SecretStr | None = None) -> SecretStr:
    """Resolve a reference in a stack file.

    Args:
        place: File and key, for the message.
        reference: `${env:NAME}` or `{{secret.key}}`.
        known: Value that ZenML keeps already; used where the variable is not set.

    Raises:
        ConfigurationError: If the variable is not set or empty and nothing is known, or there is
            no such secret or key.
    """
    if stored := secret_in(reference):
        return _stored_value(place, *stored)
    variable = variable_in(reference) or ""
    if value := os.environ.get(variable, ""):
        return SecretStr(value)
    if known is None:
        raise ConfigurationError(
            f"{place}: the environment variable {variable} is not set. Set it for this call; "
            "ZenML keeps its value as a secret from then on."
        )
    return known


def keep_secret(name: str, values: Mapping[str, SecretStr]) -> None:
    """Add or replace values of a ZenML secret.

    Raises:
        ConfigurationError: If ZenML refuses them.
    """
    plain = {key: value.get_secret_value() for key, value in values.items()}
    with unspoken(f"the secret '{name}'"):
        if stored_values(name) is None:
            Client().create_secret(name, values=plain)
        else:
            Client().update_secret(name, add_or_update_values=plain)


@contextmanager
def unspoken(what: str) -> Iterator[None]:
    """Raise ZenML's errors without its words, which may repeat a secret.

    Raises:
        ConfigurationError: Instead of any exception, not chained to it: a traceback would show it.
    """
    try:
        yield
    except Exception as error:
        refused = (
            f"ZenML refuses {what} ({type(error).__name__}). What it says is not shown, because it "
            "may repeat a secret; check that you are logged in and may write: zenml status"
        )
    else:
        return
    raise ConfigurationError(refused)


def _stored_value(place: str, name: str, key: str) -> SecretStr:
    values = stored_values(name)
    if values is None:
        raise ConfigurationError(
            f"{place}: there is no ZenML secret '{name}'. "
            f"Make it with: zenml secret create {name} --{key}=<value>"
        )
    if key not in values:
        raise ConfigurationError(
            f"{place}: the ZenML secret '{name}' has no key '{key}'. "
            f"Add it with: zenml secret update {name} --{key}=<value>"
        )
    return SecretStr(values[key])
