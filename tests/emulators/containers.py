"""Containers of served images: each a process that listens on a port of this machine."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from google.rpc import code_pb2

from tests.emulators.operations import OperationError
from utils.ports import free_port

_POLL_SECONDS = 0.05
_READY_SECONDS = 60.0


@dataclass(eq=False)
class Container:
    """A container that runs.

    Attributes:
        port: Port on 127.0.0.1 that its own port is mapped to.
        log: All that it wrote.
    """

    port: int
    log: Path
    process: subprocess.Popen[bytes]

    def ask(
        self, method: str, path: str, body: bytes = b"", kind: str = "application/octet-stream"
    ) -> tuple[int, str, bytes]:
        """Send a request; returns status, content type and body."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path, body, {"Content-Type": kind})
            answer = connection.getresponse()
            return answer.status, answer.headers.get("Content-Type", ""), answer.read()
        finally:
            connection.close()

    def stop(self) -> None:
        """End it, with its children."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGTERM)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


@dataclass
class Containers:
    """The machine that runs images: no registry is here, so a test says what each image runs.

    Attributes:
        folder: Receives the logs.
        images: The command of each image by its address; `{port}` in it is its port.
        running: Everything that runs.
    """

    folder: Path
    images: dict[str, Sequence[str]] = field(default_factory=dict)
    running: list[Container] = field(default_factory=list)

    def start(self, image: str, environment: Mapping[str, str], health: str) -> Container:
        """Start a container and wait until its health page answers 200.

        Raises:
            OperationError: If there is no such image, or it does not become healthy.
        """
        if image not in self.images:
            raise OperationError(code_pb2.NOT_FOUND, f"Image '{image}' not found.")
        port = free_port()
        log = self.folder / f"container-{port}.txt"
        command = [part.replace("{port}", str(port)) for part in self.images[image]]
        self.folder.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as output:
            process = subprocess.Popen(
                command,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={"PATH": os.environ["PATH"], "HOME": str(self.folder), **environment},
                start_new_session=True,
            )
        container = Container(port, log, process)
        self.running.append(container)
        self._wait(container, health)
        return container

    def stop(self, container: Container) -> None:
        """End a container."""
        container.stop()
        self.running.remove(container)

    def stop_all(self) -> None:
        """End everything that runs."""
        for container in list(self.running):
            self.stop(container)

    def _wait(self, container: Container, health: str) -> None:
        deadline = time.monotonic() + _READY_SECONDS
        while container.process.poll() is None and time.monotonic() < deadline:
            with suppress(OSError, HTTPException):
                if container.ask("GET", health)[0] == 200:
                    return
            time.sleep(_POLL_SECONDS)
        self.stop(container)
        raise OperationError(
            code_pb2.FAILED_PRECONDITION,
            "Model server terminated: model server container terminated or never became ready.",
        )
