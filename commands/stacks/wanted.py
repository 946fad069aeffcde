"""Components and connectors as a stack file asks for them, checked before any change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import SecretStr, ValidationError
from zenml.client import Client
from zenml.enums import StackComponentType
from zenml.models import AuthenticationMethodModel
from zenml.stack import StackComponentConfig
from zenml.utils.pydantic_utils import has_validators
from zenml.utils.secret_utils import is_secret_field

from commands.config_files import first_problem
from commands.stacks.files import (
    ComponentDescription,
    ConnectorDescription,
    is_reference,
    variable_in,
)
from commands.stacks.flavors import configuration_class
from commands.stacks.secrets import secret_name, secret_value, stored_values
from utils.errors import ConfigurationError
from utils.options import unknown_key

_COVER = "kept by ZenML"


@dataclass(frozen=True, slots=True)
class Wanted:
    """A component or connector as ZenML will store it.

    Attributes:
        configuration: Values by key, with references in the place of secrets.
        sensitive: Keys whose values are never shown.
        secrets: Values by key that go into a ZenML secret of the component.
    """

    configuration: dict[str, Any]
    sensitive: frozenset[str] = frozenset()
    secrets: dict[str, SecretStr] = field(default_factory=dict)


def wanted_component(
    place: str, kind: StackComponentType, component: ComponentDescription
) -> Wanted:
    """Check a component's configuration, and replace its secrets by references.

    Args:
        place: File and key, for the message.
        kind: Kind of the component.
        component: Description with a flavor.

    Raises:
        ConfigurationError: If flavor, key or value is unknown or does not fit, or a secret is
            written out.
    """
    config_class = configuration_class(place, kind, component.flavor or "")
    known = dict(config_class.model_fields)
    sensitive = frozenset(key for key, field in known.items() if is_secret_field(field))
    place = f"{place}.configuration"
    _check_keys(place, component.configuration, list(known))
    _check_secrets(place, component.configuration, sensitive)
    for key, value in component.configuration.items():
        if is_reference(value) and has_validators(config_class, key):
            raise ConfigurationError(f"{place}.{key}: ZenML takes no secret here. Write it out.")
    name = secret_name(kind.value, component.name)
    secrets = _secrets_of(place, component.configuration, stored_values(name) or {})
    references = {key: f"{{{{{name}.{key}}}}}" for key in secrets}
    stored = _as_stored(place, config_class, component.configuration)
    return Wanted(stored | references, sensitive | secrets.keys(), secrets)


def wanted_connector(
    place: str, connector: ConnectorDescription, registered: Mapping[str, Any]
) -> Wanted:
    """Check a connector's configuration and fetch its secrets, which ZenML keeps apart by itself.

    Args:
        place: File and key, for the message.
        connector: Description in the file.
        registered: Configuration that ZenML keeps already, secrets included.

    Raises:
        ConfigurationError: If type, method, key or value is unknown or does not fit, or a secret is
            written out.
    """
    method = _auth_method(place, connector)
    properties: dict[str, Any] = method.config_schema.get("properties", {})
    sensitive = frozenset(key for key, schema in properties.items() if _is_password(schema))
    place = f"{place}.configuration"
    _check_keys(place, connector.configuration, list(properties))
    _check_secrets(place, connector.configuration, sensitive)
    for key in method.config_schema.get("required", []):
        if key not in connector.configuration:
            raise ConfigurationError(f"{place}.{key}: the method '{method.auth_method}' needs it.")
    secrets = {
        key: secret_value(f"{place}.{key}", value, _as_secret(registered.get(key)))
        for key, value in connector.configuration.items()
        if is_reference(value)
    }
    _check_values(place, method, {**connector.configuration, **secrets})
    return Wanted(dict(connector.configuration), sensitive | secrets.keys(), secrets)


def _auth_method(place: str, connector: ConnectorDescription) -> AuthenticationMethodModel:
    types = {found.connector_type: found for found in Client().list_service_connector_types()}
    if connector.type not in types:
        unknown = unknown_key(connector.type, list(types), "type of connector")
        raise ConfigurationError(f"{place}.type: {unknown}")
    methods = types[connector.type].auth_method_dict
    if connector.auth_method not in methods:
        unknown = unknown_key(connector.auth_method, list(methods), "method")
        raise ConfigurationError(f"{place}.auth_method: {unknown}")
    return methods[connector.auth_method]


def _check_keys(place: str, configuration: Mapping[str, Any], known: list[str]) -> None:
    for key in configuration:
        if key not in known:
            raise ConfigurationError(f"{place}: {unknown_key(key, known)}")


def _check_secrets(place: str, configuration: Mapping[str, Any], sensitive: frozenset[str]) -> None:
    for key in sensitive & configuration.keys():
        if configuration[key] is not None and not is_reference(configuration[key]):
            raise ConfigurationError(
                f"{place}.{key}: a secret does not belong in a file. Write ${{env:NAME}} for the "
                f"environment variable NAME, or {{{{name.{key}}}}} for a ZenML secret."
            )


def _secrets_of(
    place: str, configuration: Mapping[str, Any], stored: Mapping[str, str]
) -> dict[str, SecretStr]:
    """Return values from the environment by key; the user's ZenML secrets need only exist."""
    values = {
        key: secret_value(f"{place}.{key}", reference, _as_secret(stored.get(key)))
        for key, reference in configuration.items()
        if is_reference(reference)
    }
    return {key: value for key, value in values.items() if variable_in(configuration[key])}


def _as_stored(
    place: str, config_class: type[StackComponentConfig], configuration: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the configuration as ZenML stores it, after ZenML's own checks.

    ZenML follows references while it checks; a text stands for the secrets, which may not be
    there yet and must be in no message.
    """
    references = {key: value for key, value in configuration.items() if is_reference(value)}
    covered = dict.fromkeys(references, _COVER)
    try:
        checked = config_class(**{**configuration, **covered})
    except ValidationError as error:
        raise ConfigurationError(f"{place}: {first_problem(error).removeprefix(': ')}") from None
    except Exception as error:
        text = " ".join(str(error).split())
        raise ConfigurationError(f"{place}: {text}") from None
    return checked.model_dump(mode="json", exclude_unset=True) | references


def _check_values(
    place: str, method: AuthenticationMethodModel, configuration: Mapping[str, Any]
) -> None:
    if method.config_class is None:  # the connector's library is on the server only
        return
    plain = {
        key: value.get_secret_value() if isinstance(value, SecretStr) else value
        for key, value in configuration.items()
    }
    try:
        method.config_class(**plain)
    except ValidationError as error:
        problem = first_problem(error).removeprefix(": ")
    except Exception as error:  # its words and traceback may repeat a secret
        problem = f"ZenML cannot read it ({type(error).__name__})."
    else:
        return
    raise ConfigurationError(f"{place}: {problem}")


def _is_password(schema: Mapping[str, Any]) -> bool:
    return any(part.get("format") == "password" for part in (schema, *schema.get("anyOf", [])))


def _as_secret(value: Any) -> SecretStr | None:
    if isinstance(value, SecretStr) or value is None:
        return value
    return SecretStr(str(value))
