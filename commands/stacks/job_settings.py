"""Settings of configurations that name the machines of jobs.

Import this module inside functions: it loads Google's client.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from commands.config_files import read_yaml
from utils.google_cloud.accelerators import Accelerator

_SPOT = "SPOT"


@dataclass(frozen=True, slots=True)
class JobSettings:
    """Settings that a stack has to be able to meet.

    Attributes:
        accelerators: GPUs that steps want, each once.
        skip_build: Whether the image of the jobs exists already.
    """

    accelerators: tuple[Accelerator, ...] = ()
    skip_build: bool = False


def read_job_settings(files: Iterable[Path]) -> JobSettings:
    """Read the settings from YAML files, at whatever depth they stand."""
    mappings = [mapping for file in files for mapping in _mappings(read_yaml(file))]
    wanted = [_accelerator(mapping) for mapping in mappings if mapping.get("accelerator_type")]
    return JobSettings(
        accelerators=tuple(dict.fromkeys(wanted)),
        skip_build=any(mapping.get("skip_build") is True for mapping in mappings),
    )


def _accelerator(mapping: dict[str, Any]) -> Accelerator:
    arguments = mapping.get("additional_training_job_args") or {}
    return Accelerator(
        type=str(mapping["accelerator_type"]),
        count=int(mapping.get("accelerator_count") or 0),
        is_spot=arguments.get("strategy") == _SPOT,
    )


def _mappings(value: Any) -> Iterator[dict[str, Any]]:
    """Yield every mapping in a document, the outer before the inner."""
    if isinstance(value, dict):
        yield value
        value = list(value.values())
    if isinstance(value, list):
        for part in value:
            yield from _mappings(part)
