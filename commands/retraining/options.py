"""The configuration of `--watch` and `--retrain-if-due`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from pydantic import Field, ValidationError, model_validator

from commands.config_files import CONFIGS, first_problem, read_yaml, set_dotted
from commands.retraining.rule import RetrainRule
from utils.errors import ConfigurationError
from utils.options import Options

DEFAULT_FILE = CONFIGS / "retrain.yaml"
_ANY_ADDRESS = ("", "0.0.0.0", "::")  # noqa: S104  (to listen on, not to call)


class PipelineFiles(Options):
    """The configurations of the pipelines that a retraining runs, beside this file."""

    export: Path = Path("data_export.yaml")
    """Export; its file names the Label Studio project and the model, too."""

    training: Path = Path("training_pipeline.yaml")
    """Training; its model version is the one that the export makes, whatever the file says."""

    promotion: Path = Path("promotion.yaml")
    """Promotion: the conditions under which the new detector replaces the one in production."""

    deployment: Path | None = None
    """Deployment of what was promoted, such as `deployment.yaml`; by default none."""


class WebhookOptions(Options):
    """The listener that Label Studio calls when somebody has worked on a task."""

    enabled: bool = True
    """Whether to listen; without it, reviews are found by the check every `poll_s` seconds."""

    host: str = "127.0.0.1"
    """Address to listen on; `0.0.0.0` for a Label Studio on another machine."""

    port: int = Field(default=8097, ge=0, le=65535)
    """Port to listen on; 0 for any free port."""

    address: str | None = None
    """Address by which Label Studio reaches the listener, such as
    `http://watcher.example.com:8097/`; by default host and port."""

    @model_validator(mode="after")
    def _can_be_called(self) -> Self:
        if self.enabled and self.address is None and self.host in _ANY_ADDRESS:
            raise ValueError(
                f"nobody can call {self.host}: write under 'address' how Label Studio reaches this "
                "machine, such as http://watcher.example.com:8097/"
            )
        return self


class WatchOptions(Options):
    """Times and webhook of the check for new reviews."""

    poll_s: float = Field(default=300, gt=0)
    """Seconds between two checks, if no webhook calls."""

    settle_s: float = Field(default=30, ge=0)
    """Seconds to wait after a call, so that many reviews in a row make one check."""

    webhook: WebhookOptions = WebhookOptions()
    """Listener for the calls of Label Studio."""


class RetrainOptions(Options):
    """Rule for a training that starts by itself, and the pipelines that it runs."""

    rule: RetrainRule = RetrainRule()
    """Rule that makes a training due."""

    pipelines: PipelineFiles = PipelineFiles()
    """Configurations of export, training and promotion."""

    training: dict[str, Any] = Field(default_factory=dict)
    """Options of the training (`training` in its file) that a retraining has otherwise, such as
    `{start: production, epochs: 25}`."""

    watch: WatchOptions = WatchOptions()
    """Check of `--watch` for new reviews."""


def load_retrain_options(file: Path | None, overrides: Mapping[str, Any]) -> RetrainOptions:
    """Read the configuration and check it.

    Args:
        file: Configuration file; by default `configs/retrain.yaml`.
        overrides: Values by dotted path, from `parse_overrides`.

    Raises:
        ConfigurationError: If the file cannot be read, a key is unknown or a value does not fit.
    """
    path = file or DEFAULT_FILE
    document = read_yaml(path)
    for dotted, value in overrides.items():
        if dotted.startswith(("model.", "label_studio.")):
            raise ConfigurationError(
                f"--set {dotted}: a retraining takes its model and Label Studio project from the "
                "project (--project NAME), or from the files under 'pipelines'."
            )
        set_dotted(document, dotted, value)
    try:
        options = RetrainOptions.model_validate(document)
    except ValidationError as error:
        raise ConfigurationError(f"{path}: {first_problem(error)}") from error
    named = {name: getattr(options.pipelines, name) for name in PipelineFiles.model_fields}
    beside = {name: file and path.parent / file for name, file in named.items()}
    return options.updated(pipelines=PipelineFiles(**beside))
