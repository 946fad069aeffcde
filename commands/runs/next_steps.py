"""The command that leads forward from the present state of a model, for messages.

Each function asks the store, so that the command it names does not fail for a reason that is known
already: whoever obeys a message gets further.
"""

from __future__ import annotations

import shlex
from pathlib import Path

from zenml.enums import ModelStages, StackComponentType
from zenml.models import ModelVersionResponse

from commands.config_files import CONFIGS, read_yaml
from commands.project import active_project, chosen_project
from commands.stacks.files import file_describing
from commands.stacks.remote import remote_runner
from records.active_stack import active_stack, artifact_store_path
from records.artifacts import newest
from records.manifests import projects_with_tiles
from records.model_versions import version_in, versions_of
from records.trainings import with_labels
from utils.serving.options import DeploymentOptions
from utils.serving.running import deploy_command
from utils.storage.objects import is_local

DETECTOR = "trained_detector"
LABELS = "labeled_dataset"
_PRODUCTION = ModelStages.PRODUCTION.value
_STAGING = ModelStages.STAGING.value
# The file that names the model for each command, unless another is given.
_FILES = {
    "--export": "data_export.yaml",
    "--training": "training_pipeline.yaml",
    "--inference": "inference_pipeline.yaml",
    "--promote": "data_export.yaml",
    "--rollback": "data_export.yaml",
    "--deploy": "deployment.yaml",
    "--feedback": "feedback.yaml",
}


def has_detector(version: ModelVersionResponse | None) -> bool:
    """Whether a version has a trained detector."""
    return version is not None and version.get_artifact(DETECTOR) is not None


def serves(version: ModelVersionResponse | None) -> bool:
    """Whether inference uses a version: it is in production and has a detector."""
    return version is not None and version.stage == _PRODUCTION and has_detector(version)


def named(version: ModelVersionResponse) -> str:
    """Return the number of a version with its stage, as in `3 (production)`."""
    return f"{version.number} ({version.stage})" if version.stage else str(version.number)


def typed(command: str, model: str, file: Path | None = None) -> str:
    """Return a command as the user types it, with the file that names the model where needed.

    Args:
        command: Flags, such as `--promote staging`.
        model: Name of the model that the command is for.
        file: Configuration that names the model, if one is known: a promotion takes any.
    """
    flag = command.split()[0]
    if flag == "--deploy":
        command = _deploy(command, model)
    if (_model_in(CONFIGS / _FILES[flag]) or active_project().model) == model:
        return f"python run.py {command}"
    if flag == "--promote" and file is not None and _model_in(file) == model:
        return f"python run.py {command} --config {shlex.quote(str(file))}"
    return f"python run.py {command} --set model.name={shlex.quote(model)}"


def _deploy(command: str, model: str) -> str:
    """Name the settings of a running service that the configuration does not have."""
    named = read_yaml(CONFIGS / _FILES["--deploy"]).get("parameters", {}).get("deployment", {})
    settings = [word for word in command.split() if "=" in word]
    configured = DeploymentOptions.model_validate(named)
    return deploy_command(model, *settings, configured=configured).removeprefix("python run.py ")


def overrule(model: str, file: Path | None = None) -> str:
    """Return the command that promotes without a comparison."""
    return typed('--promote production --force --reason "..."', model, file)


def to_tiles(project: int | str) -> str:
    """Say how to get tiles into a Label Studio project, or which projects have some."""
    shipped = read_yaml(CONFIGS / "ingest_data.yaml").get("parameters", {}).get("label_studio", {})
    own = f"label_studio.project={shlex.quote(str(project))}"
    ingest = "python run.py --ingest"
    if shipped.get("project", active_project().label_studio) != project:
        ingest += f" --set {own}"
    others = projects_with_tiles()
    if not others:
        return f"Send some with: {ingest}"
    return (
        f"Send some with: {ingest}; or name a project that has some ({', '.join(others)}): "
        f"--set label_studio.project={shlex.quote(others[0])}"
    )


def to_labels(model: str) -> str:
    """Say how to get a labelled dataset: by an export, before which tiles are needed."""
    if newest("tile_manifest") is None:
        return "Cut and send tiles first: python run.py --ingest"
    return f"Make one with: {typed('--export', model)}"


def to_detector(model: str) -> str:
    """Say how to get a trained version: by a training, before which labels are needed."""
    if next(with_labels(model), None) is None:
        return to_labels(model)
    return f"Train one with: {typed(f'--training{_here_or_there()}', model)}"


def to_predictions(model: str) -> str:
    """Say how to get predictions: of the scenes of a chosen project, else of a folder."""
    has_scenes = chosen_project() is not None and active_project().source is not None
    place = "" if has_scenes else " --set source.path=DIR"
    return f"Make some: {typed(f'--inference{place}', model)}"


def to_staging(model: str, file: Path | None = None) -> str:
    """Say how to get a version with a detector into staging."""
    latest = next(with_labels(model), None)
    if latest is None or latest.stage in (_PRODUCTION, _STAGING) or not has_detector(latest):
        return to_detector(model)
    command = typed("--promote staging", model, file)
    return f"Version {latest.number} has a detector and can be staged: {command}"


def to_production(model: str, file: Path | None = None) -> str:
    """Say how to get a version with a detector into production."""
    if has_detector(version_in(model, _STAGING)):
        command = typed("--promote production", model, file)
        return f"Promote the version in staging: {command}"
    return to_staging(model, file)


def to_stage(model: str, stage: str | None, file: Path | None = None) -> str:
    """Say how to get a version with a detector where a configuration looks for it.

    Args:
        model: Name of the model.
        stage: Stage, number or name of the version.
        file: Configuration that names the model.
    """
    if stage == _PRODUCTION:
        now, last = to_production(model, file), typed("--promote production", model, file)
        return now if last in now else f"{now}. When one is trained: {last}"
    if stage == _STAGING:
        return to_staging(model, file)
    trained = [version for version in versions_of(model) if has_detector(version)]
    if not trained:
        return to_detector(model)
    return f"Name one that has a detector: {', '.join(map(named, trained))}."


def _model_in(file: Path) -> str | None:
    model = read_yaml(file).get("model")
    return model.get("name") if isinstance(model, dict) else None


def _here_or_there() -> str:
    """Return the flag that trains where the labels of the active stack are."""
    stack = active_stack()
    runner = remote_runner(stack) or stack.components.get(StackComponentType.STEP_OPERATOR)
    if runner is None:
        return " --local" if is_local(artifact_store_path()) else ""
    file = file_describing(stack.name)
    return f" --stack {shlex.quote(file.stem if file else stack.name)}"
