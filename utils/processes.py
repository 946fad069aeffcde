"""Embedded servers in the background: started once, found again, stopped by their process id."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import psutil

from utils.errors import ServerError
from utils.files import write_whole
from utils.ports import free_port, listens, port_is_free
from utils.process_times import start_time
from utils.state_files import read_object

_POLL_SECONDS = 0.2
_STOP_SECONDS = 10.0
_LOG_LINES_IN_ERROR = 5
_FOR_OWNER_ONLY = 0o077
_MARK = "SPYGLASS_SERVER"


@dataclass(frozen=True, slots=True)
class ServerProcess:
    """A running server of ours.

    Attributes:
        name: Name for messages and files, such as "label-studio".
        pid: Process id; also the id of its process group.
        port: Port on 127.0.0.1; 0 if it listens on none.
        started: Start time of the process, by which a reused pid is recognised.
        is_ready: Whether it has answered; a server whose starter was killed may never do so.
    """

    name: str
    pid: int
    port: int
    started: str
    is_ready: bool = True

    @property
    def url(self) -> str:
        """The server's address."""
        return f"http://127.0.0.1:{self.port}"

    def is_alive(self) -> bool:
        """Whether this very process still runs."""
        return self.started != "" and start_time(self.pid) == self.started

    def listens(self) -> bool:
        """Whether it listens on its port, by itself or by a child."""
        return self.port == 0 or listens(self.pid, self.port)


def start_on_port(preferred: int, start: Callable[[int], ServerProcess]) -> ServerProcess:
    """Start a server on its usual port, or on any free one where that is taken.

    Args:
        preferred: The usual port.
        start: Starts the server on the port it is given.

    Raises:
        ServerError: If it does not start for another reason than a taken port.
    """
    try:
        return start(preferred)
    except ServerError:
        if port_is_free(preferred):
            raise
        return start(free_port())


def running_server(name: str, folder: Path) -> ServerProcess | None:
    """The server `name` whose state file is in `folder`, if it is alive and has answered."""
    server = _noted(name, folder)
    return server if server and server.is_ready else None


def _noted(name: str, folder: Path) -> ServerProcess | None:
    """The server of a state file, if it is alive; a damaged file counts as none."""
    try:
        server = ServerProcess(**read_object(folder / f"{name}.json"))
        return server if server.is_alive() else None
    except (FileNotFoundError, ValueError, TypeError):
        return None


def start_server(
    name: str,
    folder: Path,
    command: Sequence[str | Path],
    port: int,
    *,
    is_ready: Callable[[], bool],
    environment: Mapping[str, str] | None = None,
    works_in: Path | None = None,
    timeout_s: float = 180,
) -> ServerProcess:
    """Start a server in a process group of its own and wait until it answers.

    A server that an earlier command started, killed before the server had answered, is ended first.
    Callers hold a lock, so that nobody else is starting it.

    Only its owner can read the files that it creates. It gets the user's own umask, in octal
    digits, in `SPYGLASS_USER_UMASK`, for programs that it starts on the user's behalf.

    Args:
        name: Name for messages and files.
        folder: Folder that receives `<name>.log` and `<name>.json`.
        command: Program and arguments.
        port: Port that the command names; 0 for a server that listens on none.
        is_ready: Called until it returns True; it may raise `OSError` meanwhile.
        environment: Environment variables on top of those of this process.
        works_in: Folder that it works in; by default that of this process.
        timeout_s: Seconds to wait.

    Raises:
        ServerError: If the process ends, stays silent, or another program has the port; the message
            quotes the last lines of the log, names the log, or names the port.
    """
    _end_strays(_mark(name, folder))
    if port != 0 and not port_is_free(port):
        raise _taken(name, port)
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / f"{name}.log"
    variables = {**(environment or {}), _MARK: _mark(name, folder)}
    process = _spawn(command, log, variables, works_in)
    # Noted before it answers, so that it can be stopped even if this process is killed meanwhile.
    state = folder / f"{name}.json"
    server = ServerProcess(name, process.pid, port, start_time(process.pid), is_ready=False)
    write_whole(state, json.dumps(asdict(server)))
    try:
        _wait_for_answer(server, process, log, is_ready, timeout_s)
    except BaseException:
        state.unlink(missing_ok=True)
        _end(server, frees_port=server.listens())
        raise
    server = replace(server, is_ready=True)
    write_whole(state, json.dumps(asdict(server)))
    return server


def _spawn(
    command: Sequence[str | Path],
    log: Path,
    environment: Mapping[str, str],
    works_in: Path | None,
) -> subprocess.Popen[bytes]:
    with log.open("ab") as output:
        return subprocess.Popen(
            [str(part) for part in command],
            stdout=output,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            cwd=works_in,
            env={**os.environ, "SPYGLASS_USER_UMASK": _umask(), **environment},
            start_new_session=True,  # so that Ctrl-C in the terminal does not reach it
            umask=_FOR_OWNER_ONLY,
        )


def _mark(name: str, folder: Path) -> str:
    """The value of the variable that identifies a server whose state file is damaged or missing."""
    return str(folder.absolute() / name)


def _end_strays(mark: str) -> bool:
    """End every process started as this server, without its state file; tells whether any ran."""
    own = {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
    strays = [process for process in _marked(mark) if process.pid not in own]
    for process in strays:
        with suppress(psutil.Error):
            process.terminate()
    _, alive = psutil.wait_procs(strays, timeout=_STOP_SECONDS)
    for process in alive:
        with suppress(psutil.Error):
            process.kill()
    return bool(strays)


def _marked(mark: str) -> Iterator[psutil.Process]:
    """Yield the leaders of the sessions that `start_server` has begun for a server."""
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if os.getsid(process.pid) == process.pid and process.environ().get(_MARK) == mark:
                yield process


def _umask() -> str:
    """The umask of this process in octal digits; it can only be read by setting it."""
    umask = os.umask(_FOR_OWNER_ONLY)
    os.umask(umask)
    return f"{umask:o}"


def _wait_for_answer(
    server: ServerProcess,
    process: subprocess.Popen[bytes],
    log: Path,
    is_ready: Callable[[], bool],
    timeout_s: float,
) -> None:
    name, deadline = server.name, time.monotonic() + timeout_s
    while not (_answers(is_ready) and server.listens()):
        if process.poll() is not None:
            raise ServerError(
                f"{name} ended while starting: {_last_lines(log)}. The whole log is {log}"
            )
        if _is_taken(server):
            raise _taken(name, server.port)
        if time.monotonic() > deadline:
            raise ServerError(f"{name} did not answer within {timeout_s:.0f} s. Its log is {log}")
        time.sleep(_POLL_SECONDS)


def _taken(name: str, port: int) -> ServerError:
    return ServerError(
        f"{name} cannot listen on port {port}: another program does. "
        "Stop that program or choose another port."
    )


def _is_taken(server: ServerProcess) -> bool:
    """Whether another program listens on the server's port."""
    # In this order: the server may begin to listen between the two questions.
    return server.port != 0 and not port_is_free(server.port) and not server.listens()


def stop_server(name: str, folder: Path) -> bool:
    """Stop the server `name` of `folder` and its children; returns whether there was one."""
    server = _noted(name, folder)
    (folder / f"{name}.json").unlink(missing_ok=True)
    if server is None:
        return _end_strays(_mark(name, folder))
    _end(server, frees_port=True)
    return True


def _end(server: ServerProcess, *, frees_port: bool) -> None:
    """End a server and its children; wait until it is gone, and its port too if it held one."""
    _signal(server, signal.SIGTERM)
    deadline = time.monotonic() + _STOP_SECONDS
    # The first thread of a process may be gone while others still hold its port.
    while time.monotonic() < deadline and (
        server.is_alive() or (frees_port and not port_is_free(server.port))
    ):
        _reap(server.pid)
        time.sleep(_POLL_SECONDS)
    if server.is_alive():
        _signal(server, signal.SIGKILL)


def _signal(server: ServerProcess, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):  # it may end by itself at any moment
        os.killpg(server.pid, number)


def _answers(is_ready: Callable[[], bool]) -> bool:
    try:
        return is_ready()
    except OSError:
        return False


def _reap(pid: int) -> None:
    """Collect a child that has ended, so that it does not linger as a zombie."""
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return


def _last_lines(log: Path) -> str:
    lines = log.read_text(errors="replace").strip().splitlines()
    return " / ".join(lines[-_LOG_LINES_IN_ERROR:])
