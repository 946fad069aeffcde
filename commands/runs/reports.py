"""The pages of the last runs at short paths: kept after each run, listed by `--reports`."""

from __future__ import annotations

import re
import shutil
import webbrowser
from pathlib import Path

from zenml.models import ArtifactVersionResponse, PipelineRunResponse

from commands.console import complain, say
from commands.project import active_project, chosen_project
from records.pages import page_of
from records.runs import outputs_of
from utils.errors import ConfigurationError
from utils.paths import local_folder

# Runs whose pages stay in the folder of local state; those of all runs are in the dashboard.
_KEPT_RUNS = 50
_LISTED_PAGES = 30
_OF_A_SHARD = "shard_"
# Figures that are addresses of files of an artifact.
_FILES = ("viewer", "coco_json", "geojson")
_PROJECT = "project.txt"


def keep_pages(run: PipelineRunResponse) -> dict[str, Path]:
    """Put the pages of a run's artifacts into one folder, named after the run.

    Pages and files of an artifact store on this machine are linked. Pages of another are copied,
    and files of another stay where they are.

    Returns:
        The pages by name of their artifact; the viewer and exported files by name of their figure.
    """
    # The template of the name is the user's, and must not lead out of the folder.
    folder = local_folder("reports", re.sub(r"[^\w-]+", "-", run.name))
    (folder / _PROJECT).write_text(active_project().name, encoding="utf-8")
    pages: dict[str, Path] = {}
    for name, artifact in outputs_of(run):
        if name.startswith(_OF_A_SHARD):
            continue
        try:
            pages |= _kept(name, artifact, folder)
        except Exception as error:  # any of a cloud's client: the run itself has succeeded
            complain(f"  Warning: the page of '{name}' is not in {shown_path(folder)} ({error}).")
    for old in _newest_runs()[_KEPT_RUNS:]:
        shutil.rmtree(old, ignore_errors=True)
    return pages


def _kept(name: str, artifact: ArtifactVersionResponse, folder: Path) -> dict[str, Path]:
    """Put the page and the files of one artifact into a folder."""
    pages = {}
    path = folder / f"{name}.html"
    if page := page_of(artifact, path):
        pages[name] = path if page == path else _linked(path, page)
    for figure in _FILES:
        file = Path(str(artifact.run_metadata.get(figure, "")))
        if file.is_file():
            # The folder, since the viewer's page loads the files beside it.
            pages[figure] = _linked(folder / figure, file.parent) / file.name
    return pages


def _linked(link: Path, target: Path) -> Path:
    link.unlink(missing_ok=True)
    link.symlink_to(target)
    return link


def show_reports(number: int | None) -> None:
    """List the pages of the last runs, or open one in the browser.

    Args:
        number: Number of a page in the list, from 1 for the newest; None for the list.

    Raises:
        ConfigurationError: If there is no page of that number.
    """
    pages = [
        page
        for run in _newest_runs()
        if _is_of_chosen_project(run)
        for page in (*sorted(run.glob("*.html")), *run.glob("viewer/*.html"))
    ]
    # A deleted run takes its pages along, and leaves links to nothing.
    pages = [page for page in pages if page.is_file()]
    if not pages:
        say("No run has left a page yet. The first comes with: python run.py --ingest")
        return
    if number is None:
        _list(pages[:_LISTED_PAGES])
        return
    if not 1 <= number <= len(pages):
        raise ConfigurationError(
            f"There is no report {number}, only 1 to {len(pages)}. List them with: "
            "python run.py --reports"
        )
    page = pages[number - 1]
    opened = webbrowser.open(page.resolve().as_uri())
    say(f"{'Opened' if opened else 'Open in a browser:'} {shown_path(page)}")


def shown_path(path: Path) -> str:
    """Return a path as short as it can be typed: relative to the working directory, if below."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def _newest_runs() -> list[Path]:
    """Return the folders of runs that have left pages, the newest first."""
    return sorted(local_folder("reports").iterdir(), key=lambda run: -_changed(run))


def _changed(run: Path) -> float:
    """Return when a folder changed last; 0 for one that another command has just removed."""
    try:
        return run.stat().st_mtime
    except FileNotFoundError:
        return 0.0


def _list(pages: list[Path]) -> None:
    run = None
    for number, page in enumerate(pages, start=1):
        if _run_of(page) != run:
            run = _run_of(page)
            say(f"{run.name}:")
        say(f"  {number:3}  {_title(page)}")
    say(f"The pages are in {shown_path(local_folder('reports'))}.")
    say("Open one with its number, as in: python run.py --reports 1")


def _is_of_chosen_project(run: Path) -> bool:
    """Whether a run is of the chosen project; without one, every run counts."""
    noted = run / _PROJECT
    if chosen_project() is None or not noted.is_file():
        return True
    try:
        return noted.read_text(encoding="utf-8") == active_project().name
    except ConfigurationError:
        return True  # pages of a project that is gone can still be opened


def _run_of(page: Path) -> Path:
    """Return the folder of a page's run; the viewer has a folder of its own in it."""
    return page.parent.parent if page.parent.name == "viewer" else page.parent


def _title(page: Path) -> str:
    return "viewer" if page.parent.name == "viewer" else page.stem.replace("_", " ")
