"""What a pipeline's configuration asks of the machines of its jobs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from commands.configuration import read_yaml

_SPOT = "SPOT"


@dataclass(frozen=True, slots=True)
class JobSettings:
    """The parts of a configuration that a stack has to be able to give.

    Attributes:
        accelerator: As Vertex AI names it, such as `NVIDIA_L4`; None without a GPU.
        count: GPUs on one machine.
        is_spot: Whether the machine may be taken away.
        skip_build: Whether the image of the jobs is there already.
    """

    accelerator: str | None = None
    count: int = 0
    is_spot: bool = False
    skip_build: bool = False


def read_job_settings(file: Path) -> JobSettings:
    """The settings in a pipeline's YAML, wherever they stand in it; none where there is no file.

    Where several steps want a GPU, the first counts.
    """
    if not file.is_file():
        return JobSettings()
    mappings = list(_mappings(read_yaml(file)))
    skip_build = any(mapping.get("skip_build") is True for mapping in mappings)
    for mapping in mappings:
        if mapping.get("accelerator_type"):
            arguments = mapping.get("additional_training_job_args") or {}
            return JobSettings(
                accelerator=str(mapping["accelerator_type"]),
                count=int(mapping.get("accelerator_count") or 1),
                is_spot=arguments.get("strategy") == _SPOT,
                skip_build=skip_build,
            )
    return JobSettings(skip_build=skip_build)


def _mappings(value: Any) -> Iterator[dict[str, Any]]:
    """Every mapping in a document, the outer before the inner."""
    if isinstance(value, dict):
        yield value
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for part in inner:
        yield from _mappings(part)
