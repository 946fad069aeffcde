"""ZenML's flavors of stack components, and those that Spyglass brings along."""

from __future__ import annotations

from zenml.client import Client
from zenml.enums import StackComponentType
from zenml.stack import Flavor, StackComponentConfig

from slurm.flavor import FLAVOR, SlurmStepOperatorFlavor
from utils.errors import ConfigurationError
from utils.options import unknown_key

_ALL = 10_000  # more flavors than there are; ZenML lists by pages

# ZenML learns of them when a stack first needs one.
_SPYGLASS_FLAVORS: dict[tuple[StackComponentType, str], type[Flavor]] = {
    (StackComponentType.STEP_OPERATOR, FLAVOR): SlurmStepOperatorFlavor,
}


def configuration_class(
    place: str, kind: StackComponentType, name: str
) -> type[StackComponentConfig]:
    """Return the configuration class of a flavor.

    Args:
        place: File and key, for the message.
        kind: Kind of the component.
        name: Name of the flavor.

    Raises:
        ConfigurationError: If there is no such flavor, or its integration is not installed.
    """
    if spyglass_flavor := _SPYGLASS_FLAVORS.get((kind, name)):
        return spyglass_flavor().config_class
    try:
        flavor = Client().get_flavor_by_name_and_type(name, kind)
    except KeyError:
        known = {flavor.name for flavor in Client().list_flavors(type=kind, size=_ALL)}
        known |= {name for of_kind, name in _SPYGLASS_FLAVORS if of_kind is kind}
        unknown = unknown_key(name, sorted(known), f"flavor of {kind.value}")
        raise ConfigurationError(f"{place}.flavor: {unknown}") from None
    try:
        return Flavor.from_model(flavor).config_class
    except ImportError:
        raise ConfigurationError(
            f"{place}.flavor: '{name}' belongs to ZenML's integration '{flavor.integration}', "
            "which is not installed. "
            f"Install it with: zenml integration install {flavor.integration} --uv"
        ) from None


def register_spyglass_flavor(kind: StackComponentType, name: str) -> None:
    """Register a flavor with ZenML, if Spyglass brings it along and ZenML has it not yet."""
    flavor = _SPYGLASS_FLAVORS.get((kind, name))
    if flavor and not Client().list_flavors(type=kind, name=f"equals:{name}").items:
        Client().create_flavor(f"{flavor.__module__}.{flavor.__qualname__}", kind)
