"""The files around `src` that make a bundle a bento, and BentoML's entry in it."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import yaml

from utils.files import write_whole
from utils.serving.bundle import Bundle

BENTOML_VERSION = "1.4.40"
_TEMPLATES = Path(__file__).with_name("bento")
_REQUIREMENTS = Path(__file__).with_name("requirements.txt")
_NOT_IN_TAGS = re.compile(r"[^a-z0-9._-]+")
_PYTHON = "3.11"


def write_entry(source: Path) -> None:
    """Write `service.py`, BentoML's entry, into a bundle's `src`."""
    shutil.copyfile(_TEMPLATES / "service.py", source / "service.py")


def write_bento(bundle: Bundle, created: str) -> None:
    """Write `bento.yaml`, requirements and Dockerfile beside a bundle's `src`.

    Args:
        bundle: The bundle.
        created: Time at which the version of the model was made, in ISO 8601.
    """
    root = bundle.root
    for name in ("env/python", "env/docker"):
        (root / name).mkdir(parents=True, exist_ok=True)
    shutil.copyfile(_REQUIREMENTS, root / "env" / "python" / "requirements.txt")
    shutil.copyfile(_TEMPLATES / "Dockerfile", root / "env" / "docker" / "Dockerfile")
    content = {
        "service": "service:Detector",
        "name": _tag(bundle.model),
        "version": _tag(bundle.version),
        "bentoml_version": BENTOML_VERSION,
        "creation_time": created,
        "labels": {"kind": bundle.kind.value, "digest": bundle.digest},
        "models": [],
        "entry_service": "detector",
        "services": [
            {"name": "detector", "service": "", "models": [], "dependencies": [], "config": {}}
        ],
        "envs": [],
        "schema": {"name": "detector", "type": "service", "routes": []},
        "args": {},
        "spec": 2,
        "image": {
            "base_image": f"python:{_PYTHON}-slim",
            "python_version": _PYTHON,
            "commands": [],
            "python_requirements": f"-r requirements.txt\nbentoml=={BENTOML_VERSION}\n",
            "post_commands": [],
            "build_include": [],
        },
    }
    write_whole(root / "bento.yaml", yaml.safe_dump(content, sort_keys=True, allow_unicode=True))


def _tag(name: str) -> str:
    """A name as BentoML takes it for its tags."""
    return _NOT_IN_TAGS.sub("-", name.lower()).strip("-._") or "detector"
