"""The flavors that Spyglass brings along; ZenML learns of them when a stack first needs one."""

from __future__ import annotations

from zenml.client import Client
from zenml.enums import StackComponentType
from zenml.stack import Flavor, StackComponentConfig

from slurm.flavor import FLAVOR, SlurmStepOperatorFlavor

_OWN: dict[tuple[StackComponentType, str], type[Flavor]] = {
    (StackComponentType.STEP_OPERATOR, FLAVOR): SlurmStepOperatorFlavor,
}


def own_configuration(kind: StackComponentType, name: str) -> type[StackComponentConfig] | None:
    """The configuration of a flavor of ours, None where it is not ours."""
    flavor = _OWN.get((kind, name))
    return flavor().config_class if flavor else None


def own_flavors(kind: StackComponentType) -> set[str]:
    """The names of our flavors of a kind."""
    return {name for own, name in _OWN if own is kind}


def register_if_own(kind: StackComponentType, name: str) -> None:
    """Tell ZenML of a flavor, where it is ours and not known yet."""
    flavor = _OWN.get((kind, name))
    if flavor and not Client().list_flavors(type=kind, name=f"equals:{name}").items:
        Client().create_flavor(f"{flavor.__module__}.{flavor.__qualname__}", kind)
