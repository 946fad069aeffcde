"""Run by Label Studio's own Python when it starts: its server asks no other machine for tips.

The page of projects has the server fetch them from GitHub, and no setting stops it.
"""

from __future__ import annotations

import socket
from typing import Any

_TIPS = "raw.githubusercontent.com"
_look_up = socket.getaddrinfo


def _look_up_but_tips(host: Any, *arguments: Any, **options: Any) -> Any:
    if host == _TIPS:
        raise socket.gaierror(socket.EAI_NONAME, "Spyglass keeps Label Studio from fetching tips")
    return _look_up(host, *arguments, **options)


socket.getaddrinfo = _look_up_but_tips
