"""Jobs on other machines: they must reach the code and everything a configuration names."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from zenml.utils.code_utils import CodeArchive
from zenml.utils.source_utils import get_source_root

from commands.stacks.remote import only_here
from records.annotator import annotator_credentials
from utils.annotation.label_studio.options import EMBEDDED, LabelStudioOptions
from utils.detection.ultralytics.options import TrainingOptions
from utils.errors import ConfigurationError
from utils.scenes.options import FolderSource, HuggingFaceSource, SyntheticSource
from utils.storage.objects import is_local


def require_checkout() -> None:
    """Check that git can tell which files of this folder are code, which ZenML sends to the bucket.

    Raises:
        ConfigurationError: If it cannot: everything would be sent, environment and secrets too.
    """
    root = get_source_root()
    if CodeArchive(root=root).git_repo is None:
        raise ConfigurationError(
            f"{root} is no git checkout, so all that is in it would be sent to the bucket, .local "
            "and .venv too. Clone the project with git, or make it one with: git init"
        )


def check_reachable(parameters: dict[str, Any]) -> None:
    """Check that nothing a run needs is only on this machine.

    Args:
        parameters: Validated parameters of the pipeline.

    Raises:
        ConfigurationError: For the first local path; the message names its key.
    """
    check_places(parameters)
    label_studio = parameters.get("label_studio")
    if isinstance(label_studio, LabelStudioOptions):
        _check_label_studio(label_studio)


def check_places(parameters: dict[str, Any]) -> None:
    """Check that the scenes, tiles and weights of a run are not only on this machine.

    Args:
        parameters: Validated parameters of the pipeline.

    Raises:
        ConfigurationError: For the first local path; the message names its key.
    """
    for key, place in _places(parameters):
        if is_local(place):
            raise ConfigurationError(
                f"parameters.{key}: {place} is on this machine, where the jobs of the stack cannot "
                "reach it. Put it in a bucket and name it as gs://bucket/path."
            )


def _places(parameters: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the paths and addresses in parameters, each with its key."""
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
        checkpoint = Path(training.model_checkpoint)
        # A name without a folder is never looked for in the current one.
        if training.model_checkpoint != checkpoint.name and checkpoint.expanduser().is_file():
            yield "training.model_checkpoint", training.model_checkpoint
        if training.weights_dir is not None:
            yield "training.weights_dir", str(training.weights_dir)


def _check_label_studio(options: LabelStudioOptions) -> None:
    """Check the stack's annotator: jobs see it, and not this machine's environment.

    Raises:
        ConfigurationError: If there is none, it is on this machine, or another server is named.
    """
    annotator = annotator_credentials()
    if annotator is None:
        raise ConfigurationError(
            f"parameters.label_studio.url: {options.url} is no Label Studio that the jobs of the "
            "stack can reach with a token. Describe one as the annotator in the stack's file."
        )
    url = annotator[0].rstrip("/")
    named = {
        "parameters.label_studio.url": "" if options.url == EMBEDDED else options.url,
        "LABEL_STUDIO_URL": os.environ.get("LABEL_STUDIO_URL", "").rstrip("/"),
    }
    for name, address in named.items():
        if address not in ("", url):
            raise ConfigurationError(
                f"{name}: {address} is not the annotator of the stack, {url}, the only Label "
                f"Studio that its jobs have a token for. Remove {name}, or name that one in the "
                "stack's file."
            )
    if only_here(url):
        raise ConfigurationError(
            f"The annotator of the stack, {url}, is on this machine, where its jobs cannot reach "
            "it. Give instance_url in the stack's file an address that they can reach."
        )
