"""Label Studio's environment is made whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from utils.annotation.installation import VERSION, label_studio_program
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


def test_a_failed_installation_is_explained_and_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UV", fake_uv(tmp_path, "echo 'no route to the index' >&2; exit 2"))
    for attempt in (1, 2):
        with pytest.raises(ServerError, match=r"no route to the index.*LABEL_STUDIO_URL"):
            label_studio_program()
        assert calls(tmp_path) == attempt


def test_a_machine_without_uv_is_told_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("UV", raising=False)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(ServerError, match="uv"):
        label_studio_program()
