"""TCP ports on 127.0.0.1: free ones, and the processes that listen on others."""

from __future__ import annotations

import socket
from contextlib import suppress

import psutil


def free_port() -> int:
    """A TCP port on 127.0.0.1 that nobody listens on at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def port_is_free(port: int) -> bool:
    """Whether nobody listens on `port` of 127.0.0.1."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def listens(pid: int, port: int) -> bool:
    """Whether a process, or one of its children, listens on a port.

    An answer on the port does not show it: of two servers started at once, one has the port and
    answers for both.
    """
    with suppress(psutil.NoSuchProcess):
        parent = psutil.Process(pid)
        return any(_holds(process, port) for process in [parent, *parent.children(True)])
    return False


def _holds(process: psutil.Process, port: int) -> bool:
    with suppress(psutil.NoSuchProcess):
        return any(
            connection.status == psutil.CONN_LISTEN and connection.laddr.port == port
            for connection in process.net_connections(kind="tcp")
        )
    return False
