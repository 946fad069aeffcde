"""How `--watch` and `--retrain-if-due` are configured."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from pydantic import Field, ValidationError, model_validator

from commands.retraining.rule import RetrainRule
from commands.runs.configuration import CONFIGS, first_problem, read_yaml
from commands.runs.overrides import set_dotted
from utils.errors import ConfigurationError
from utils.options import Options

DEFAULT_FILE = CONFIGS / "retrain.yaml"
_ANY_ADDRESS = ("", "0.0.0.0", "::")  # noqa: S104  (to listen on, not to call)


class PipelineFiles(Options):
    """The configurations of the pipelines that a retraining runs, beside this file."""

    export: Path = Path("data_export.yaml")
    """Names the Label Studio project and the model, too."""

    training: Path = Path("training_pipeline.yaml")
    """Its model version is the one that the export makes, whatever the file says."""

    promotion: Path = Path("promotion.yaml")
    """Under which conditions the new detector takes the place of the one in production."""


class WebhookOptions(Options):
    """Where Label Studio calls when somebody has worked on a task."""

    enabled: bool = True
    """Without it, only looking every `poll_s` seconds finds out."""

    host: str = "127.0.0.1"
    """Address to listen on; `0.0.0.0` for a Label Studio on another machine."""

    port: int = Field(default=8097, ge=0, le=65535)
    """To listen on; 0 for any that is free."""

    address: str | None = None
    """As Label Studio reaches the listener, such as `http://watcher.example.com:8097/`; by default
    host and port."""

    @model_validator(mode="after")
    def _can_be_called(self) -> Self:
        if self.enabled and self.address is None and self.host in _ANY_ADDRESS:
            raise ValueError(
                f"nobody can call {self.host}: write under 'address' how Label Studio reaches this "
                "machine, such as http://watcher.example.com:8097/"
            )
        return self


class WatchOptions(Options):
    """How the service looks for new reviews."""

    poll_s: float = Field(default=300, gt=0)
    """Seconds between two looks, should no webhook call."""

    settle_s: float = Field(default=30, ge=0)
    """Seconds to wait after a call, so that many reviews in a row are one look."""

    webhook: WebhookOptions = WebhookOptions()
    """Where Label Studio calls."""


class RetrainOptions(Options):
    """When a new training starts by itself, and what it runs."""

    rule: RetrainRule = RetrainRule()
    """When a training is due."""

    pipelines: PipelineFiles = PipelineFiles()
    """What it runs: export, training, promotion."""

    watch: WatchOptions = WatchOptions()
    """How `--watch` looks for new reviews."""


def load_retrain_options(file: Path | None, overrides: Mapping[str, Any]) -> RetrainOptions:
    """Read the configuration and check it.

    Args:
        file: By default `configs/retrain.yaml`.
        overrides: Values by dotted path, from `parse_overrides`.

    Raises:
        ConfigurationError: If the file cannot be read, a key is unknown or a value does not fit.
    """
    path = file or DEFAULT_FILE
    document = read_yaml(path)
    for dotted, value in overrides.items():
        set_dotted(document, dotted, value)
    try:
        options = RetrainOptions.model_validate(document)
    except ValidationError as error:
        raise ConfigurationError(f"{path}: {first_problem(error)}") from error
    beside = {
        name: path.parent / getattr(options.pipelines, name) for name in PipelineFiles.model_fields
    }
    return options.updated(pipelines=PipelineFiles(**beside))
