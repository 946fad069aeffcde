"""The commands: one frozen dataclass each, made by the parser or in code.

Standard library only, so that `--help` answers at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Command:
    """One flag of the loop.

    Attributes:
        name: Long flag without dashes, which is also the name of the pipeline's module.
        short: Short flag without its dash.
        help: One line for `--help`.
        config: Name of its configuration file in `configs/`.
        remote_config: Name of the configuration for other machines, where there is one.
        has_model: Whether its runs belong to a model.
    """

    name: str
    short: str
    help: str
    config: str
    remote_config: str | None = None
    has_model: bool = True


# In the order of the loop, which is the order in which several flags of one call run.
LOOP = (
    Command(
        "ingest",
        "ig",
        "cut scenes into tiles, store them, send them to Label Studio",
        "ingest_data",
        has_model=False,
    ),
    Command("export", "e", "turn reviewed annotations into a labelled dataset", "data_export"),
    Command(
        "training",
        "t",
        "train a detector on the newest labelled dataset",
        "training_pipeline",
        "training_pipeline_remote_gpu",
    ),
    Command("evaluate", "ev", "evaluate a detector on the newest labels", "evaluate"),
    Command("package", "p", "pack the detector in production for serving", "package"),
    Command(
        "inference",
        "i",
        "predict over scenes with the detector in production",
        "inference_pipeline",
    ),
    Command(
        "prediction",
        "pr",
        "send images and scenes through the running service",
        "prediction",
    ),
    Command(
        "fiftyone",
        "f",
        "look at tiles, labels and predictions in FiftyOne",
        "fiftyone",
        has_model=False,
    ),
    Command(
        "monitor",
        "m",
        "compare what is noted of the predictions out there with the test split",
        "monitoring",
    ),
    Command(
        "feedback",
        "fb",
        "pick the tiles that teach most, send them to Label Studio with boxes found on them",
        "feedback",
    ),
    Command(
        "count",
        "c",
        "say how many objects there are and how sure that is, by a reviewed sample of tiles",
        "count",
    ),
)

# Runs before a version goes to production, without a flag of its own.
PROMOTION = Command("promotion", "", "compare a detector with the one in production", "promotion")

# Packs, proves and deploys the version in production, behind `--deploy`.
DEPLOYMENT = Command("deployment", "", "pack, evaluate as packed, and deploy", "deployment")

# `--register-model FILE`: in place of a training.
REGISTRATION = Command("register", "", "register a detector that was trained elsewhere", "register")

# Where --promote falls among the loop's flags when both are given.
PIPELINES_BEFORE_STAGE = {
    "staging": ("ingest", "export", "register"),
    "production": ("ingest", "export", "register", "training", "evaluate"),
}


@dataclass(frozen=True, slots=True)
class InspectSource:
    """`--inspect`: show what an ingest would make of a source.

    Attributes:
        path: A folder, `gs://bucket/prefix`, or the id of a dataset on the Hugging Face hub; None
            for the source of the project.
        overrides: Arguments of `--set`.
        json_file: File that receives everything that was found, or None.
    """

    path: str | None = None
    overrides: tuple[str, ...] = ()
    json_file: Path | None = None


@dataclass(frozen=True, slots=True)
class NewProject:
    """`--new-project`: write the file of a project for a user's own images.

    Attributes:
        name: Name of the project.
        overrides: Arguments of `--set`, which answer the questions.
        yes: Whether what is found is accepted without a question.
    """

    name: str
    overrides: tuple[str, ...] = ()
    yes: bool = False


@dataclass(frozen=True, slots=True)
class RegisterStack:
    """`--register-stack`: register what is missing of a stack.

    Attributes:
        file: File that describes the stack.
        yes: Whether what is registered may be changed without a question.
    """

    file: Path
    yes: bool = False


@dataclass(frozen=True, slots=True)
class CheckStack:
    """`--check-stack`: try every part of a stack.

    Attributes:
        stack: Name or file of the stack.
        config: Configuration that says which GPUs are wanted; by default the remote training's.
    """

    stack: str
    config: Path | None = None


@dataclass(frozen=True, slots=True)
class RollBack:
    """`--rollback`: bring back the version that was in production before.

    Attributes:
        config: Configuration that names the model; by default the export's, then the project's.
        overrides: Arguments of `--set`: `model.name=NAME`.
    """

    config: Path | None = None
    overrides: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Deploy:
    """`--deploy`: serve the version in production.

    Attributes:
        config: Configuration of deployments; by default `configs/deployment.yaml`.
        overrides: Arguments of `--set`.
        stack: Stack whose artifacts are deployed, instead of the one in the configuration.
        yes: Whether every question is answered with yes.
    """

    config: Path | None = None
    overrides: tuple[str, ...] = ()
    stack: str | None = None
    yes: bool = False


@dataclass(frozen=True, slots=True)
class Undeploy:
    """`--undeploy`: stop the service of a model.

    Attributes:
        config: Configuration of deployments; by default `configs/deployment.yaml`.
        overrides: Arguments of `--set`.
    """

    config: Path | None = None
    overrides: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ShowStatus:
    """`--status`: show what runs where.

    Attributes:
        config: Configuration of deployments; by default `configs/deployment.yaml`.
        overrides: Arguments of `--set`.
    """

    config: Path | None = None
    overrides: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ShowDatasets:
    """`--datasets`: list, show, tag or compare versions of the labelled dataset.

    Attributes:
        wanted: No version to list all, one to show or tag it, two to compare them; each by number,
            tag or query.
        tag: Tag for the one version, or None.
        overrides: Arguments of `--set`: `model.name=NAME`.
        geopackage: File that receives the labels of the one version, or None.
    """

    wanted: tuple[str, ...] = ()
    tag: str | None = None
    overrides: tuple[str, ...] = ()
    geopackage: Path | None = None


@dataclass(frozen=True, slots=True)
class ShowReports:
    """`--reports`: list the pages of the last runs, or open one.

    Attributes:
        number: Number of the page to open; None to list them.
    """

    number: int | None = None


@dataclass(frozen=True, slots=True)
class OpenDashboard:
    """`--dashboard`: open the ZenML dashboard on the store that the last run wrote to."""


@dataclass(frozen=True, slots=True)
class CompareTrainings:
    """`--compare`: show trainings side by side.

    Attributes:
        selectors: Runs by name, id or the beginning of one, or versions of the model.
        config: Configuration that names the model; by default the export's, then the project's.
        overrides: Arguments of `--set`: `model.name=NAME`.
    """

    selectors: tuple[str, ...]
    config: Path | None = None
    overrides: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Promote:
    """`--promote`: move a model version into a stage.

    Attributes:
        stage: "staging" or "production".
        reason: Why it goes to production without a comparison (`--force`); None to compare.
        yes: Whether every question is answered with yes.
    """

    stage: str
    reason: str | None = None
    yes: bool = False


@dataclass(frozen=True, slots=True)
class RunLoop:
    """The flags of the loop, with the promotion that falls among them.

    Attributes:
        commands: Pipelines to run, in the order of the loop.
        promote: Promotion to make, or None.
        stage_first: Whether the latest version goes to staging too, after the export and before
            the training.
        config: Configuration of the only pipeline instead of its own.
        overrides: Arguments of `--set`.
        stack: Stack to run on instead of the one in the configuration.
        local: Whether to train on this machine.
        resume: Whether to continue a training that was cut off.
        yes: Whether every question is answered with yes.
    """

    commands: tuple[Command, ...] = ()
    promote: Promote | None = None
    stage_first: bool = False
    config: Path | None = None
    overrides: tuple[str, ...] = ()
    stack: str | None = None
    local: bool = False
    resume: bool = False
    yes: bool = False


@dataclass(frozen=True, slots=True)
class Retrain:
    """`--retrain-if-due`: export, train and promote if enough was reviewed.

    Attributes:
        config: Configuration of retrainings; by default `configs/retrain.yaml`.
        overrides: Arguments of `--set`.
        yes: Whether every question is answered with yes.
    """

    config: Path | None = None
    overrides: tuple[str, ...] = ()
    yes: bool = False


@dataclass(frozen=True, slots=True)
class Watch:
    """`--watch`: a service that retrains whenever it is due.

    Attributes:
        retrain: Request that it runs then, in a process of its own.
    """

    retrain: Retrain


@dataclass(frozen=True, slots=True)
class WatchPredictions:
    """`--monitor --watch`: a page of what is out there that stays up.

    Attributes:
        config: Configuration of monitoring; by default `configs/monitoring.yaml`.
        overrides: Arguments of `--set`.
    """

    config: Path | None = None
    overrides: tuple[str, ...] = ()


Request = (
    InspectSource
    | NewProject
    | RegisterStack
    | CheckStack
    | RollBack
    | Deploy
    | Undeploy
    | ShowStatus
    | ShowDatasets
    | ShowReports
    | OpenDashboard
    | CompareTrainings
    | RunLoop
    | Retrain
    | Watch
    | WatchPredictions
)


@dataclass(frozen=True, slots=True)
class CommandLine:
    """Everything that one call of `run.py` asks for.

    Attributes:
        requests: The commands, in the order in which they run.
        verbose: Whether to show tracebacks and everything ZenML says.
        project: Name or file of the project; None for that of `SPYGLASS_PROJECT`, else of
            `configs/project.yaml`.
    """

    requests: tuple[Request, ...]
    verbose: bool = False
    project: str | None = None
