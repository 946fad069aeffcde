"""Read by every Python of a job: `/app` is a folder of the job's own, as in a container.

ZenML's jobs work in `/app`, whatever folder they are started in.
"""

from __future__ import annotations

import os
from typing import Any

_OWN = os.environ.get("EMULATED_APP", "/app")
_make_folders, _change_folder = os.makedirs, os.chdir


def _makedirs(name: Any, mode: int = 0o777, exist_ok: bool = False) -> None:
    _make_folders(_OWN if name == "/app" else name, mode, exist_ok)


def _chdir(path: Any) -> None:
    _change_folder(_OWN if path == "/app" else path)


os.makedirs, os.chdir = _makedirs, _chdir
