"""The image: what its Dockerfile names exists, and the project runs from what it copies."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

import pytest
from zenml.image_builders import BuildContext

from utils.paths import PROJECT_ROOT
from utils.privacy import TELEMETRY_OFF
from utils.threads import WAIT_POLICY

# Packages of the base, Ubuntu 24.04, without installing anything.
_IN_THE_BASE = {"apt-get", "install", "rm"}
_ASIDE = {"--from", "--mount"}


@dataclass(frozen=True)
class Stage:
    """A stage that one FROM begins: its base, its name and the instructions after it."""

    base: str
    name: str
    instructions: list[tuple[str, str]]

    def all(self, keyword: str) -> list[str]:
        return [text for found, text in self.instructions if found == keyword]

    @property
    def environment(self) -> dict[str, str]:
        return dict(word.split("=", 1) for text in self.all("ENV") for word in shlex.split(text))


def _stages() -> list[Stage]:
    text = (PROJECT_ROOT / "Dockerfile").read_text()
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    stages: list[Stage] = []
    for line in "\n".join(lines).replace("\\\n", " ").splitlines():
        keyword, _, rest = line.strip().partition(" ")
        if keyword == "FROM":
            base, _, name = rest.partition(" AS ")
            stages.append(Stage(base, name, []))
        elif keyword:
            stages[-1].instructions.append((keyword, rest.strip()))
    return stages


UV, CUDA, ENVIRONMENT, IMAGE = _stages()


def _copies() -> list[tuple[list[str], str]]:
    """Sources in the project and target of each COPY into the image."""
    copies = [shlex.split(text) for text in IMAGE.all("COPY") if "--from" not in text]
    paths = [[word for word in words if not word.startswith("--")] for words in copies]
    return [(words[:-1], words[-1]) for words in paths]


def _programs(command: str) -> list[str]:
    """The program of each command of a RUN."""
    words = re.sub(r"--mount=\S+", "", command)
    return [shlex.split(part)[0] for part in re.split(r"&&|;|\|", words)]


@pytest.fixture(scope="session")
def context() -> set[str]:
    """The files that a build is sent, as ZenML and Docker work them out."""
    return set(BuildContext(root=str(PROJECT_ROOT)).get_files())


@pytest.fixture(scope="session")
def image(tmp_path_factory, context) -> Path:
    """The image's own files: what its COPYs bring, no more."""
    root = tmp_path_factory.mktemp("image")
    for sources, target in _copies():
        for source in sources:
            inside = root if target.endswith("/") else root / target
            for file in (name for name in context if f"{name}/".startswith(f"{source}/")):
                copy = inside / (file if target.endswith("/") else Path(file).relative_to(source))
                copy.parent.mkdir(parents=True, exist_ok=True)
                if (PROJECT_ROOT / file).is_file():
                    shutil.copy2(PROJECT_ROOT / file, copy)
    return root


def _run_in(image: Path, home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run this Python on the image's files, with the image's variables and no other program."""
    environment = {
        **{
            key: value.replace("/var/lib/spyglass", str(home))
            for key, value in IMAGE.environment.items()
        },
        "PATH": "",
    }
    return subprocess.run(
        [sys.executable, *arguments], cwd=image, env=environment, capture_output=True, text=True
    )


def test_the_bases_are_pinned_to_a_version():
    assert re.fullmatch(r"ghcr\.io/astral-sh/uv:\d+\.\d+\.\d+", UV.base)
    assert re.fullmatch(r"nvidia/cuda:\d+\.\d+\.\d+-base-ubuntu24\.04(@sha256:\w{64})?", CUDA.base)
    assert (ENVIRONMENT.base, IMAGE.base) == (CUDA.name, CUDA.name)


def test_uv_and_cuda_are_of_the_version_that_is_locked():
    import torch

    locked = {
        package["name"]: package["version"]
        for package in tomllib.loads((PROJECT_ROOT / "uv.lock").read_text())["package"]
    }

    assert UV.base.endswith(f":{locked['uv']}")
    assert CUDA.base.startswith(f"nvidia/cuda:{torch.version.cuda}.")


def test_the_installation_is_one_that_uv_accepts(tmp_path):
    (command,) = ENVIRONMENT.all("RUN")
    for source, target in re.findall(r"type=bind,source=(\S+),target=(\S+)", command):
        shutil.copy(PROJECT_ROOT / source, tmp_path / target)
    words = shlex.split(re.sub(r"--mount=\S+", "", command))
    # The image's Python is not here, and nothing is to be downloaded.
    environment = {
        **os.environ,
        **{key: value for key, value in ENVIRONMENT.environment.items() if "PYTHON" not in key},
        "UV_PYTHON": sys.executable,
        "UV_PROJECT_ENVIRONMENT": str(tmp_path / "venv"),
    }

    uv = Path(sys.executable).with_name(words[0])
    planned = subprocess.run(
        [uv, *words[1:], "--dry-run", "--offline"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
    )

    packages = set(re.findall(r"^ \+ ([\w.-]+)==", planned.stderr, re.MULTILINE))
    assert planned.returncode == 0, planned.stderr
    assert {"torch", "zenml", "google-cloud-aiplatform", "kfp"} <= packages
    assert not {"pytest", "mypy", "fiftyone-db"} & packages


def test_the_python_of_the_image_is_one_that_uv_knows_and_the_project_takes():
    wanted = ENVIRONMENT.environment["UV_PYTHON"]
    uv = Path(sys.executable).with_name("uv")
    known = subprocess.run(
        [uv, "python", "list", "--only-downloads", "--offline", "--all-platforms", wanted],
        capture_output=True,
        text=True,
        check=True,
    )

    assert f"cpython-{wanted}-linux-x86_64-gnu" in known.stdout
    assert wanted.startswith(f"{sys.version_info.major}.{sys.version_info.minor}.")


@pytest.mark.parametrize("stage", [ENVIRONMENT, IMAGE], ids=["environment", "image"])
def test_every_program_that_is_run_is_there(stage):
    copied = {Path(text.split()[-1]).name for text in stage.all("COPY") if "--from" in text}
    there = _IN_THE_BASE | copied | ({"python"} if "venv" in copied else set())

    assert {program for text in stage.all("RUN") for program in _programs(text)} <= there


def test_every_path_that_is_copied_is_in_the_project_and_is_sent(context):
    bound = re.findall(r"type=bind,source=([^,\s]+)", " ".join(ENVIRONMENT.all("RUN")))
    for source in [*bound, *(source for sources, _ in _copies() for source in sources)]:
        assert any(f"{name}/".startswith(f"{source}/") for name in context), source


def test_nothing_that_git_does_not_know_is_sent(tmp_path):
    shutil.copy(PROJECT_ROOT / ".dockerignore", tmp_path)
    for name in (
        ".git/config", ".venv/bin/python", ".local/server.env", ".env", "key.json",
        "scenes/huge.tif", "tests/test_a.py", "utils/__pycache__/a.cpython-311.pyc", "steps/b.pyc",
        "run.py", "utils/storage/gcs.py",
    ):  # fmt: skip
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()

    sent = BuildContext(root=str(tmp_path)).get_files()

    assert {name for name in sent if (tmp_path / name).is_file()} == {
        "run.py",
        "utils/storage/gcs.py",
    }


def test_the_command_line_answers_from_what_the_image_holds(image, tmp_path):
    answer = _run_in(image, tmp_path, *json.loads(IMAGE.all("CMD")[0])[1:])

    assert answer.returncode == 0, answer.stderr
    assert "Find small objects" in answer.stdout


@pytest.mark.slow
def test_every_module_and_the_entry_point_of_jobs_load_from_what_the_image_holds(image, tmp_path):
    folders = sorted(path.name for path in image.iterdir() if (path / "__init__.py").is_file())
    script = (
        "import importlib, pkgutil, sys, zenml.entrypoints.entrypoint\n"
        f"for folder in {folders}:\n"
        "    package = importlib.import_module(folder)\n"
        "    for module in pkgutil.walk_packages(package.__path__, f'{folder}.'):\n"
        # The service runs in an environment of its own, which its image holds.
        "        if not module.name.startswith('utils.serving.service.'):\n"
        "            importlib.import_module(module.name)\n"
        "print(sys.modules['utils'].__file__)\n"
    )

    answer = _run_in(image, tmp_path, "-c", script)

    assert answer.returncode == 0, answer.stderr
    assert Path(answer.stdout.splitlines()[-1]) == image / "utils/__init__.py"
    assert "pipelines" in folders


def test_telemetry_is_off_in_the_image_as_it_is_outside():
    assert TELEMETRY_OFF.items() <= IMAGE.environment.items()


def test_waiting_threads_sleep_in_the_image_as_they_do_outside():
    assert WAIT_POLICY.items() <= IMAGE.environment.items()


def test_the_image_runs_as_somebody_who_is_not_root_and_may_write_where_it_must():
    (user,) = IMAGE.all("USER")
    number, _, group = user.partition(":")
    made = re.findall(rf"install -d -o {number} -g {group} (.*)", "\n".join(IMAGE.all("RUN")))
    writable = {folder for text in made for folder in text.split()}

    assert int(number) > 0
    assert {IMAGE.environment["HOME"], IMAGE.environment["SPYGLASS_LOCAL"]} <= writable
    assert set(IMAGE.all("WORKDIR")) <= writable  # ZenML puts a job's code there
