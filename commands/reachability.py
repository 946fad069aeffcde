"""Whether jobs that run elsewhere can reach what a configuration names."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from steps.annotator import annotator_credentials
from utils.annotation.options import LabelStudioOptions
from utils.detection.options import TrainingOptions
from utils.errors import ConfigurationError
from utils.scenes.options import FolderSource, HuggingFaceSource, SyntheticSource
from utils.storage.objects import is_local

# Vertex AI shows every bucket of its account as a folder.
_MOUNTED = "/gcs/"


def check_reachable(parameters: dict[str, Any]) -> None:
    """Check that nothing a run needs is only on this machine.

    Args:
        parameters: Of the pipeline, validated.

    Raises:
        ConfigurationError: For the first thing that is; the message names its key.
    """
    for key, place in _places(parameters):
        if is_local(place) and not place.startswith(_MOUNTED):
            raise ConfigurationError(
                f"parameters.{key}: {place} is on this machine, where the jobs of the stack cannot "
                "reach it. Put it in a bucket and name it as gs://bucket/path."
            )
    label_studio = parameters.get("label_studio")
    if isinstance(label_studio, LabelStudioOptions):
        _check_label_studio(label_studio)


def _places(parameters: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """The paths and addresses in parameters, by their keys."""
    match parameters.get("source"):
        case None | SyntheticSource():
            pass
        case HuggingFaceSource(dataset=dataset):
            if Path(dataset).expanduser().is_dir():
                yield "source.dataset", dataset
        case FolderSource(path=path):
            yield "source.path", path
        case source:
            yield "source.path", str(source.path)
    if "data_source" in parameters:
        yield "data_source", parameters["data_source"]
    training = parameters.get("training")
    if isinstance(training, TrainingOptions):
        if Path(training.model_checkpoint).expanduser().is_file():
            yield "training.model_checkpoint", training.model_checkpoint
        if training.weights_dir is not None:
            yield "training.weights_dir", str(training.weights_dir)


def _check_label_studio(options: LabelStudioOptions) -> None:
    if annotator_credentials() is None:
        raise ConfigurationError(
            f"parameters.label_studio.url: {options.url} is no Label Studio that the jobs of the "
            "stack can reach with a token. Describe one as the annotator in the stack's file."
        )
