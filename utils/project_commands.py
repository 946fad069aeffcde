"""Commands that name the chosen project, without which they would mean another one."""

from __future__ import annotations

import os
import re
import shlex

# The chosen project, of this process and of those that it starts.
PROJECT_VARIABLE = "SPYGLASS_PROJECT"
# Commands that belong to no project, or name theirs.
_OF_A_PROJECT = re.compile(
    r"python run\.py (?!--(?:new-project|register-stack|check-stack|reports|dashboard)\b"
    r"|[^;,)<\n]*--project\b)"
)


def for_project(text: str) -> str:
    """Name the chosen project in every command of a text, which may be HTML.

    The project is that of the variable `SPYGLASS_PROJECT`, which `--project` sets, too.
    """
    project = os.environ.get(PROJECT_VARIABLE)
    if not project:
        return text
    command = f"python run.py --project {shlex.quote(project)} "
    return _OF_A_PROJECT.sub(lambda _: command, text)
