"""The steps of the pipelines, by name."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module
from types import ModuleType

from zenml.pipelines.pipeline_definition import Pipeline
from zenml.steps import BaseStep

from commands.arguments import LOOP, PROMOTION


def steps_of(module: ModuleType) -> list[str]:
    """The names of the steps that a pipeline's module wires."""
    return [part.name for part in vars(module).values() if isinstance(part, BaseStep)]


def all_steps() -> list[str]:
    """The names of the steps of all pipelines."""
    return _steps_in(_modules())


def dynamic_steps() -> list[str]:
    """The names of the steps of dynamic pipelines, which start the jobs of their steps."""
    return _steps_in(module for module in _modules() if _is_dynamic(module))


def _modules() -> list[ModuleType]:
    return [import_module(f"pipelines.{command.name}") for command in (*LOOP, PROMOTION)]


def _steps_in(modules: Iterable[ModuleType]) -> list[str]:
    return sorted({name for module in modules for name in steps_of(module)})


def _is_dynamic(module: ModuleType) -> bool:
    return any(part.is_dynamic for part in vars(module).values() if isinstance(part, Pipeline))
