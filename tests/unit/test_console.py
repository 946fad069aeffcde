"""Lines for the terminal: at most 100 columns, with whole commands, and no secrets."""

from __future__ import annotations

import io
import logging
import shlex
import subprocess
import sys
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from zenml.logger import ZenMLConsoleHandler

from commands.console import COLUMNS, ask, complain, folded, say
from commands.library_logs import _is_for_the_user, quiet_libraries
from tests.fixtures.terminal import answering, unfolded
from utils.paths import PROJECT_ROOT

WORDS = st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=30)


@pytest.mark.parametrize("write", [say, complain])
def test_long_lines_are_folded(write, capsys):
    write("  " + "word " * 60)
    lines = "".join(capsys.readouterr()).splitlines()

    assert len(lines) > 1
    assert all(len(line) <= COLUMNS for line in lines)
    assert lines[0].startswith("  word")
    assert lines[1].startswith("    word")


def test_a_command_stands_on_one_line(capsys):
    command = "python run.py --training --local --set training.epochs=3 --set training.imgsz=640"
    say(f"There is no detector in production yet. Train one with: {command}. Then promote it.")

    assert any(command in line for line in capsys.readouterr().out.splitlines())


def test_a_command_with_a_placeholder_stands_on_one_line(capsys):
    command = (
        "python run.py --new-project NAME --set source.kind=coco --set source.path=/images/of/mine"
    )
    say(f"Or make it a project of its own: {command}")

    first, last = capsys.readouterr().out.splitlines()
    assert first == "Or make it a project of its own:"
    assert last.strip() == command


@pytest.mark.parametrize("project", ["cells", "/my images/cells.yaml", r"C:\1\cells.yaml"])
def test_a_command_names_the_chosen_project(project, capsys, monkeypatch):
    monkeypatch.setenv("SPYGLASS_PROJECT", project)
    say("Send some with: python run.py --ingest")

    typed = capsys.readouterr().out.partition("run.py ")[2]
    assert shlex.split(typed) == ["--project", project, "--ingest"]


@pytest.mark.parametrize(
    ("typed", "said"), [("y", True), ("no", False), ("", False), ("\x04", False)]
)
def test_a_question_is_answered_at_a_terminal(typed, said):
    with answering(typed):
        assert ask("Go on?", yes=False) is said


@pytest.mark.parametrize(
    "command",
    [
        f"A_SETTING=true ANOTHER={'/folder' * 12} label-studio start",
        f"mkdir frames && ffmpeg -i {'/folder' * 12}/a.mp4 -vf fps=1 frames/%06d.png",
        f"-e A_SETTING=true -e ANOTHER={'/folder' * 12} -v {'/folder' * 6}:/there:ro",
        f"hf download owner/name --repo-type dataset --local-dir {'/folder' * 12}",
        f"scancel {' '.join(map(str, range(100)))}",
    ],
)
@pytest.mark.parametrize("end", [". Then go on.", "; then go on.", "", " (as before)."])
def test_commands_of_other_programs_stand_on_one_line(command, end, capsys):
    reason = "The folder cannot be shown to anybody, for a reason that is told"
    say(f"{reason}. Mend it with: {command}{end}")

    assert any(command in line for line in capsys.readouterr().out.splitlines())


def test_a_prompt_stays_with_its_command(capsys):
    command = "$ python run.py --training --local --config configs/demo/training.yaml " + "-v " * 20
    say(command.strip())

    assert capsys.readouterr().out == f"{command.strip()}\n"


def test_a_long_path_is_not_broken(capsys):
    path = "/folder" * 30
    say(f"The page is in {path}")

    assert path in capsys.readouterr().out.split()


def test_a_library_tells_a_warning_once_and_spyglass_every_time():
    def told(name: str, message: str) -> bool:
        record = logging.LogRecord(name, logging.WARNING, "", 1, message, None, None)
        return _is_for_the_user(record)

    assert told("rasterio._env", "tile 1 of /a/b.tif is odd")
    assert not told("rasterio._env", "tile 22 of /c/d.tif is odd")
    assert told("rasterio._env", "another matter")
    assert told("utils.images", "tile 1 is odd")
    assert told("utils.images", "tile 2 is odd")


@pytest.fixture
def logged(monkeypatch) -> Callable[[], list[str]]:
    """Lines that ZenML's handler prints of what a step warns of."""
    shown = io.StringIO()
    handler = ZenMLConsoleHandler(shown)
    monkeypatch.setattr(logging.getLogger(), "handlers", [handler])

    def lines() -> list[str]:
        quiet_libraries(verbose=False)
        logging.getLogger("steps.train_detector").warning("word " * 60)
        return shown.getvalue().splitlines()

    return lines


def test_logged_lines_are_folded(logged):
    assert len(logged()) > 1
    assert all(len(line) <= COLUMNS for line in logged())


def test_lines_in_a_format_of_the_users_own_stay_whole(logged, monkeypatch):
    monkeypatch.setenv("ZENML_CONSOLE_LOGGING_FORMAT", "json")
    assert len(logged()) == 1


def test_an_unknown_reference_system_prints_no_line_of_gdal():
    ask = (
        "from commands.library_logs import quiet_libraries\n"
        "quiet_libraries(verbose=False)\n"
        "from rasterio.crs import CRS\n"
        "from rasterio.errors import CRSError\n"
        "try:\n    CRS.from_user_input('EPSG:999999')\n"
        "except CRSError:\n    pass\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", ask], cwd=PROJECT_ROOT, capture_output=True, text=True, check=True
    )
    assert done.stderr == ""


@pytest.mark.slow
def test_a_new_store_of_mlflow_is_made_in_silence(tmp_path):
    ask = (
        "from commands.library_logs import quiet_libraries\n"
        "quiet_libraries(verbose=False)\n"
        "from mlflow import MlflowClient\n"
        f"MlflowClient('sqlite:///{tmp_path}/mlflow.db').create_experiment('ships')"
    )
    done = subprocess.run(
        [sys.executable, "-c", ask], cwd=PROJECT_ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout + done.stderr == ""


@given(st.lists(WORDS, max_size=60).map(" ".join))
def test_folded_lines_come_back(text):
    assert unfolded(folded(text)) == text
