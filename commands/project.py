"""The project: the names that the pipelines share, from one file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, ValidationError, model_validator

from commands.config_files import CONFIGS, first_problem, read_yaml
from utils.errors import ConfigurationError
from utils.options import Options, unknown_key
from utils.paths import local_folder
from utils.project_commands import PROJECT_VARIABLE
from utils.scenes.options import SourceOptions
from utils.shapes.shapes import ShapeKind

DEFAULT_FILE = CONFIGS / "project.yaml"
_FOLDER_VARIABLE = "SPYGLASS_PROJECTS"
NAME = r"^[A-Za-z0-9][A-Za-z0-9_-]{2,39}$"
DEFAULT_TILE_SIZE = 1000
_OVERLAPS = 10  # the default overlap is the tile size divided by this

Title = Annotated[str, Field(min_length=3, max_length=50)]


class ProjectOptions(Options):
    """The names and the data of one project, for all pipelines.

    Each value is a default: the file of a pipeline may name another, and `--set` changes it for one
    run.
    """

    name: str = Field(pattern=NAME)
    """Name of the project: 3 to 40 letters, digits, `-` and `_`."""

    source: SourceOptions | None = None
    """Source of the scenes that `--ingest` cuts into tiles."""

    classes: tuple[str, ...] = ()
    """Classes, in the order that gives each its index. Default: the classes of the source."""

    kind: ShapeKind | None = None
    """Kind of the labels: upright boxes (`detect`), oriented boxes (`obb`), polygons (`segment`) or
    one class for each image (`classify`). Labels of a source can be brought to a lesser kind
    (polygons, oriented boxes, boxes), never to a greater one. Default: the least kind that the
    source holds."""

    tile_size: int = Field(default=DEFAULT_TILE_SIZE, ge=1)
    """Largest width and height of a tile, in pixels; tiles overlap by a tenth of it."""

    data_store: str = Field(default="", min_length=1)
    """Place of the tiles: a folder, or `gs://bucket/prefix`. Default: `${LOCAL}/store/` and the
    name."""

    model: str = Field(default="", min_length=1)
    """ZenML model and MLflow experiment. Default: the name and `-detector`."""

    label_studio: int | Title = ""
    """Label Studio project, by name or number. Default: the name."""

    dataset: str = Field(default="", min_length=1)
    """FiftyOne dataset. Default: the name."""

    @model_validator(mode="before")
    @classmethod
    def _named_after_the_project(cls, values: Any) -> Any:
        if not isinstance(values, dict) or not isinstance(values.get("name"), str):
            return values
        name = values["name"]
        store = str(local_folder() / "store" / name)
        made = {"data_store": store, "model": f"{name}-detector"}
        return made | {"label_studio": name, "dataset": name} | values

    def parameters(self) -> dict[str, Any]:
        """Return the project's values by the names of the pipelines' parameters."""
        values: dict[str, Any] = {
            "data_source": self.data_store,
            "dataset_name": self.dataset,
            "label_studio": {"project": self.label_studio},
            "tiling": {"tile_size": self.tile_size, "overlap": self.tile_size // _OVERLAPS},
        }
        if not is_only_project():  # else all tiles and models are its own, whatever their names
            values |= {"project": self.label_studio, "model_name": self.model}
        if self.kind is not None:
            values["kind"] = self.kind.value
        if self.source is not None:
            classes = {"classes": list(self.classes)} if self.classes else {}
            values["source"] = classes | self.source.model_dump(exclude_unset=True)
        return values


def projects_folder() -> Path:
    """Return the folder of the projects by name: `configs/projects`, or `SPYGLASS_PROJECTS`."""
    return Path(os.environ.get(_FOLDER_VARIABLE) or CONFIGS / "projects").absolute()


def is_only_project() -> bool:
    """Whether no project was chosen or made, so that all there is belongs to the default one."""
    return chosen_project() is None and not any(projects_folder().glob("*.yaml"))


def chosen_project() -> str | None:
    """Return the name or file that `--project` or `SPYGLASS_PROJECT` gives, or None."""
    return os.environ.get(PROJECT_VARIABLE) or None


def project_file() -> Path:
    """Find the file of the chosen project: `configs/project.yaml` where none is chosen.

    Raises:
        ConfigurationError: If no project has that name.
    """
    chosen = chosen_project()
    if chosen is None:
        return DEFAULT_FILE
    if chosen.endswith((".yaml", ".yml")):
        return Path(chosen)
    file = projects_folder() / f"{chosen}.yaml"
    if not file.is_file():
        files = {_name_in(file): file for file in project_files()}
        if chosen in files:
            return files[chosen]
        problem = unknown_key(chosen, list(files), "project")
        raise ConfigurationError(
            f"--project or {PROJECT_VARIABLE}: {problem}{'' if problem.endswith('?') else '.'} "
            f"Make one with: python run.py --new-project {chosen}"
        )
    return file


def active_project() -> ProjectOptions:
    """Read the chosen project.

    Raises:
        ConfigurationError: If there is no such file, a key is unknown or a value does not fit.
    """
    return read_project(project_file())


def read_project(file: Path) -> ProjectOptions:
    """Read and check the file of a project; its name is the file's if it gives none.

    Raises:
        ConfigurationError: If the file is missing, a key is unknown or a value does not fit, or
            another project has its name.
    """
    document = read_yaml(file, projects_folder())
    if file.parent.resolve() == projects_folder().resolve():
        document.setdefault("name", file.stem)
    try:
        project = ProjectOptions.model_validate(document)
    except ValidationError as error:
        raise ConfigurationError(f"{file}: {first_problem(error).removeprefix(': ')}") from error
    others = [other for other in project_files() if not other.samefile(file)]
    if twin := next((other for other in others if _name_in(other) == project.name), None):
        raise ConfigurationError(
            f"{file}: name: {twin} has the name '{project.name}' too, so that the two would mix "
            "their labels and models. Give one of them another name."
        )
    return project


def project_files() -> list[Path]:
    """List the files of the projects beside each other: the default one, and those by name."""
    default = [DEFAULT_FILE] if DEFAULT_FILE.is_file() else []
    return [*default, *sorted(projects_folder().glob("*.yaml"))]


def _name_in(file: Path) -> str:
    """Return the name in a file; one that cannot be read breaks no other project."""
    try:
        return str(read_yaml(file).get("name", file.stem))
    except ConfigurationError:
        return file.stem
