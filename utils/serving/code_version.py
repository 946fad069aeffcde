"""The version of the project's own code."""

from __future__ import annotations

import shutil
import subprocess

from utils.paths import PROJECT_ROOT
from utils.serving.model_facts import NOT_STATED


def code_version() -> str:
    """The git commit of this checkout; "not stated" without git or outside a checkout."""
    git = shutil.which("git")
    if git is None or not (PROJECT_ROOT / ".git").exists():
        return NOT_STATED
    commit = _git(git, "rev-parse", "HEAD")
    is_changed = bool(_git(git, "status", "--porcelain", "--untracked-files=no"))
    return f"{commit}, with changes" if commit and is_changed else commit or NOT_STATED


def _git(git: str, *arguments: str) -> str:
    done = subprocess.run(
        [git, *arguments], cwd=PROJECT_ROOT, capture_output=True, text=True, check=False
    )
    return done.stdout.strip() if done.returncode == 0 else ""
