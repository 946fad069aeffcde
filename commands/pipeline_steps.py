"""The pipelines of the loop and their steps, by name."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module
from types import ModuleType
from typing import Any

from zenml.pipelines.pipeline_definition import Pipeline
from zenml.steps import BaseStep

from commands.requests import DEPLOYMENT, LOOP, PROMOTION, REGISTRATION, Command


def pipeline_of(command: Command) -> Any:
    """Import the pipeline of a flag."""
    return getattr(_module_of(command), f"{command.name}_pipeline")


def steps_of(command: Command) -> list[str]:
    """Return the names of the steps that a pipeline's module wires."""
    return _steps_in([_module_of(command)])


def all_steps() -> list[str]:
    """Return the names of the steps of all pipelines."""
    return _steps_in(_modules())


def dynamic_steps() -> list[str]:
    """Return the names of the steps of dynamic pipelines, which start the jobs of their steps."""
    return _steps_in(module for module in _modules() if _is_dynamic(module))


def _module_of(command: Command) -> ModuleType:
    # Only the chosen pipelines are imported: some need seconds for their libraries.
    return import_module(f"pipelines.{command.name}")


def _modules() -> list[ModuleType]:
    behind_other_flags = (PROMOTION, DEPLOYMENT, REGISTRATION)
    return [_module_of(command) for command in (*LOOP, *behind_other_flags)]


def _steps_in(modules: Iterable[ModuleType]) -> list[str]:
    parts = (part for module in modules for part in vars(module).values())
    return sorted({part.name for part in parts if isinstance(part, BaseStep)})


def _is_dynamic(module: ModuleType) -> bool:
    return any(part.is_dynamic for part in vars(module).values() if isinstance(part, Pipeline))
