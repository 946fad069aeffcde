"""Label Studio's environment is made whole or not at all."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from utils.annotation.label_studio.installation import (
    DATABASE,
    LOCK,
    OFFLINE,
    VERSION,
    installed_state,
    label_studio_program,
    provide_database,
)
from utils.errors import ServerError


def fake_uv(folder: Path, script: str) -> str:
    """A program in the place of uv that writes down how it was called."""
    program = folder / "uv"
    program.write_text(f'#!/bin/sh\necho "$@" >> {folder}/calls\n{script}\n')
    program.chmod(0o755)
    return str(program)


def calls(folder: Path) -> int:
    return len((folder / "calls").read_text().splitlines())


@pytest.fixture(autouse=True)
def environments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SPYGLASS_ENVIRONMENTS", str(tmp_path / "environments"))
    return tmp_path / "environments"


def test_it_is_installed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(
        "UV", fake_uv(tmp_path, f"mkdir -p {tmp_path}/environments/label-studio-{VERSION}")
    )
    program = label_studio_program()
    assert program == tmp_path / "environments" / f"label-studio-{VERSION}" / "bin" / "label-studio"
    assert calls(tmp_path) == 2
    assert label_studio_program() == program
    assert calls(tmp_path) == 2


def test_only_files_with_the_hashes_of_the_lock_are_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = tmp_path / "environments" / f"label-studio-{VERSION}"
    monkeypatch.setenv("UV", fake_uv(tmp_path, f"mkdir -p {environment}"))
    label_studio_program()
    assert f"--require-hashes -r {LOCK}" in (tmp_path / "calls").read_text()


def test_every_package_of_the_lock_has_a_hash() -> None:
    packages = [line for line in LOCK.read_text().splitlines() if line[0].isalnum()]
    assert f"label-studio=={VERSION} \\" in packages
    assert len(packages) > 100
    assert [package for package in packages if not package.endswith("\\")] == []


def test_an_environment_of_another_lock_is_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = tmp_path / "environments" / f"label-studio-{VERSION}"
    environment.mkdir(parents=True)
    (environment / "installed.txt").write_text(f"label-studio=={VERSION}\n")
    monkeypatch.setenv("UV", fake_uv(tmp_path, f"mkdir -p {environment}"))
    label_studio_program()
    assert calls(tmp_path) == 2


def test_an_environment_that_was_moved_is_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its programs begin with the path of their Python, which is no longer there."""
    environment = tmp_path / "environments" / f"label-studio-{VERSION}"
    environment.mkdir(parents=True)
    elsewhere = tmp_path / "before" / environment.name
    (environment / "installed.txt").write_text(installed_state(elsewhere))
    monkeypatch.setenv("UV", fake_uv(tmp_path, f"mkdir -p {environment}"))
    label_studio_program()
    assert calls(tmp_path) == 2


def test_its_python_looks_up_no_tips_and_everything_else(tmp_path: Path) -> None:
    ask = (
        "import label_studio_offline, socket\n"
        "assert socket.getaddrinfo('localhost', 80)\n"
        "socket.getaddrinfo('raw.githubusercontent.com', 443)\n"
    )
    command = [sys.executable, "-c", ask]
    done = subprocess.run(command, cwd=OFFLINE.parent, capture_output=True, text=True, check=False)
    assert "Spyglass keeps Label Studio from fetching tips" in done.stderr


def test_a_failed_installation_is_explained_and_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UV", fake_uv(tmp_path, "echo 'no route to the index' >&2; exit 2"))
    for attempt in (1, 2):
        with pytest.raises(ServerError, match=r"no route to the index.*LABEL_STUDIO_URL"):
            label_studio_program()
        assert calls(tmp_path) == attempt


def program_that(folder: Path, script: str) -> None:
    """A program in the place of Label Studio's, installed already."""
    environment = folder / "environments" / f"label-studio-{VERSION}"
    (environment / "bin").mkdir(parents=True)
    (environment / "installed.txt").write_text(installed_state(environment))
    program = environment / "bin" / "label-studio"
    program.write_text(f'#!/bin/sh\necho "$@" >> {folder}/calls\n{script}\n')
    program.chmod(0o755)


def test_an_empty_database_is_made_once_and_never_put_over_another(tmp_path: Path) -> None:
    program_that(tmp_path, f'echo blank > "$LABEL_STUDIO_BASE_DATA_DIR/{DATABASE}"')
    for name in ("first", "second"):
        provide_database(tmp_path / name)
        assert (tmp_path / name / DATABASE).read_text() == "blank\n"
    assert calls(tmp_path) == 1
    (tmp_path / "first" / DATABASE).write_text("people's work")
    provide_database(tmp_path / "first")
    assert (tmp_path / "first" / DATABASE).read_text() == "people's work"


def test_a_database_that_cannot_be_made_is_explained(tmp_path: Path) -> None:
    program_that(tmp_path, "echo 'no such table' >&2; exit 1")
    with pytest.raises(ServerError, match="could not make its database: no such table"):
        provide_database(tmp_path / "data")
    assert not (tmp_path / "data").exists()


def test_variables_of_other_programs_do_not_reach_the_making_of_the_database(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEBUG", "/nonsense")
    program_that(tmp_path, f'echo "$LABEL_STUDIO_DEBUG" > "$LABEL_STUDIO_BASE_DATA_DIR/{DATABASE}"')
    provide_database(tmp_path / "data")
    assert (tmp_path / "data" / DATABASE).read_text() == "false\n"
