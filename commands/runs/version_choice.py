"""Choose the model version that a run belongs to, where the configuration leaves it open.

A training needs labels and no stage, and an evaluation needs any detector: each falls back to the
version that serves the purpose, and says which. A version that serves in production, or served
there and may be rolled back to, keeps its detector: a training from its labels makes a new version.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from zenml.enums import ModelStages
from zenml.models import ArtifactVersionResponse, ModelVersionResponse

from commands.console import say
from commands.runs.configuration import RunConfiguration
from commands.runs.next_steps import (
    LABELS,
    has_detector,
    named,
    serves,
    to_detector,
    to_labels,
    typed,
)
from records.dataset_versions import dataset_version
from records.model_versions import new_version_with, version_in, versions_of
from records.trainings import with_labels
from utils.errors import MissingStageError

_STAGING = ModelStages.STAGING.value
_REPLACED = "The new detector takes the place of the one that version {old} has."


@dataclass(frozen=True, slots=True)
class Choice:
    """A run with the model version that it belongs to.

    Attributes:
        configuration: Configuration that names the version by number, where one was chosen.
        told: Sentence about the choice; empty where it is as configured.
        new_from: Labels that a new version is to be made of, before the run; None for no new one.
    """

    configuration: RunConfiguration
    told: str = ""
    new_from: ArtifactVersionResponse | None = None

    def settled(self) -> RunConfiguration:
        """Say what was chosen, make the new version where one is wanted, and name it.

        Call it after every check: each call makes another version.
        """
        name, _ = self.configuration.model
        if self.new_from is None:
            if self.told:
                say(f"  {self.told}")
            return self.configuration
        version = new_version_with(name, self.new_from)
        say(f"  {self.told.format(new=version.number)}")
        return _with_version(self.configuration, version)


def choose_version(command: str, configuration: RunConfiguration) -> Choice:
    """Choose the model version of a run.

    Args:
        command: Flag of the pipeline, without dashes.
        configuration: Configuration of the run to come.

    Raises:
        DatasetError: If the labels that the configuration names are not there.
        MissingStageError: If no version can be used.
    """
    choose = _CHOICES.get(command)
    name, _ = configuration.model
    return choose(configuration) if choose and name else Choice(configuration)


def stage_after_training(configuration: RunConfiguration) -> None:
    """Put the trained version into staging if nothing is there and it has no stage of its own."""
    name, number = configuration.model
    version = version_in(name, number) if number else None
    if version is None or version.stage not in (None, "none"):
        return
    staged = version_in(name, _STAGING)
    if staged is None:
        version.set_stage(_STAGING)
        say(f"  version {version.number} of {name} is now in staging")
    else:
        say(
            f"  version {version.number} of {name} is not in staging, version {staged.number} is; "
            f"to stage the newer one: {typed('--promote staging', name, configuration.path)}"
        )


def _for_training(configuration: RunConfiguration) -> Choice:
    name, wanted = configuration.model
    asked: str | None = configuration.parameters["dataset"]
    labels = None if asked is None else dataset_version(asked, name)
    version, told = _version_to_train(name, wanted, needs_labels=labels is None)
    if version is None and labels is None:
        raise _no_labels(configuration)
    if version is None:
        return Choice(configuration, "The detector goes to the new version {new}.", labels)
    chosen = _with_version(configuration, version)
    if not _stays_as_it_is(version):
        replaced = has_detector(version) and not configuration.parameters["training"].resume
        return Choice(chosen, told or (_REPLACED.format(old=version.number) if replaced else ""))
    held = "the same labels" if labels is None else f"version {labels.version} of the labels"
    why = "is in production" if version.stage == "production" else "served or was passed over"
    told = (
        f"Version {version.number} {why} and stays as it is: the detector goes to version {{new}}, "
        f"made with {held}."
    )
    return Choice(chosen, told, labels or version.get_artifact(LABELS))


def _no_labels(configuration: RunConfiguration) -> MissingStageError:
    name, wanted = configuration.model
    if wanted != _STAGING:
        return MissingStageError(
            f"There are no labels to train on: no version of model '{name}' has a {LABELS}. "
            f"{to_labels(name)}"
        )
    return MissingStageError(
        f"No version of model '{name}' is in stage '{wanted}', and none has a {LABELS}. "
        f"{to_labels(name)}; then train, or stage it before: "
        f"{typed('--promote staging', name, configuration.path)}"
    )


def _version_to_train(
    name: str, wanted: str | None, *, needs_labels: bool
) -> tuple[ModelVersionResponse | None, str]:
    """Return the version that a training is for, if any, and a sentence about another choice."""
    found = version_in(name, wanted) if wanted else None
    if found and (not needs_labels or found.get_artifact(LABELS) is not None):
        return found, ""
    newest = next(with_labels(name), None)
    if wanted is not None and wanted != _STAGING:
        number = _require(name, wanted, found).number
        instead = f"Version {newest.number} has one: name it." if newest else to_labels(name)
        raise MissingStageError(f"Version {number} of model '{name}' has no {LABELS}. {instead}")
    if newest is None:
        return None, ""
    told = f"Training on the labels of version {newest.number}, the newest with labels"
    return newest, f"{told}{_instead_of_staging(found) if wanted else ''}." if wanted else ""


def _for_evaluation(configuration: RunConfiguration) -> Choice:
    name, wanted = configuration.model
    if wanted is not None and wanted != _STAGING:
        return Choice(configuration)
    staged = version_in(name, _STAGING)
    if _can_be_evaluated(staged):
        return Choice(_with_version(configuration, staged))
    trained = [version for version in versions_of(name) if _can_be_evaluated(version)]
    # The newest that was not put away; one in production is among them.
    version = next((one for one in trained if one.stage != "archived"), next(iter(trained), None))
    if version is None:
        raise MissingStageError(
            f"No version of model '{name}' has a trained detector. {to_detector(name)}"
        )
    place = ", in production" if serves(version) else ", the newest trained"
    told = f"Evaluating version {version.number}{place}{_instead_of_staging(staged)}."
    return Choice(_with_version(configuration, version), told)


def _for_registration(configuration: RunConfiguration) -> Choice:
    name, _ = configuration.model
    newest = next(with_labels(name), None)
    labels = newest.get_artifact(LABELS) if newest else None
    if labels is None:
        raise MissingStageError(
            f"There are no labels to evaluate the detector on: no version of model '{name}' has a "
            f"{LABELS}. {to_labels(name)}"
        )
    return Choice(configuration, "The detector goes to the new version {new}.", labels)


def _for_package(configuration: RunConfiguration) -> Choice:
    number = configuration.parameters["version"]
    if number is None:
        return Choice(configuration)
    name, _ = configuration.model
    version = _require(name, str(number), version_in(name, number))
    return Choice(_with_version(configuration, version))


def _can_be_evaluated(version: ModelVersionResponse | None) -> bool:
    return version is not None and has_detector(version) and bool(version.get_artifact("splits"))


def _stays_as_it_is(version: ModelVersionResponse) -> bool:
    """Whether a training must leave a version alone: it serves, or a rollback may bring it back."""
    return version.stage == "production" or (version.stage == "archived" and has_detector(version))


def _instead_of_staging(staged: ModelVersionResponse | None) -> str:
    if staged is None:
        return ", since no version is in staging"
    return f", since version {staged.number}, in staging, has none"


def _require(name: str, wanted: str, found: ModelVersionResponse | None) -> ModelVersionResponse:
    """Return a version that a configuration names, if it is there."""
    if found is not None:
        return found
    there = ", ".join(map(named, versions_of(name)))
    remedy = f"Name one that is there: {there}." if there else to_labels(name)
    raise MissingStageError(f"Model '{name}' has no version '{wanted}'. {remedy}")


def _with_version(
    configuration: RunConfiguration, version: ModelVersionResponse | None
) -> RunConfiguration:
    if version is None:
        return configuration
    model = {**configuration.settings["model"], "version": version.number}
    return replace(configuration, settings=configuration.settings | {"model": model})


_CHOICES: dict[str, Callable[[RunConfiguration], Choice]] = {
    "training": _for_training,
    "evaluate": _for_evaluation,
    "package": _for_package,
    "register": _for_registration,
}
