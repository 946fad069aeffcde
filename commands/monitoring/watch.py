"""The page that stays up: `--monitor --watch`."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from commands.console import complain, say
from commands.requests import LOOP, RunLoop, WatchPredictions
from commands.runs.execution import plan_runs
from records.monitored import predicted_scenes, references_for, reviewed_labels
from utils.errors import ServerError, SpyglassError
from utils.files import write_whole
from utils.locks import exclusive
from utils.monitoring.options import MonitoringOptions
from utils.monitoring.telling import Told
from utils.reports.monitoring_page import monitoring_page
from utils.serving.monitored import Monitored, monitoring_folder

_PAGE = "monitoring.html"
_PICTURES = "pictures"
_PATIENCE_S = 10.0
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_MONITOR = next(command for command in LOOP if command.name == "monitor")


def watch_predictions(request: WatchPredictions) -> None:
    """Look again and again, until Ctrl-C, SIGTERM or SIGHUP.

    Raises:
        ConfigurationError: If the configuration is wrong, or nothing is noted.
        BusyError: If the model is watched on this machine already.
        ServerError: If the page cannot be served.
    """
    loop = RunLoop((_MONITOR,), config=request.config, overrides=request.overrides)
    (planned,) = plan_runs(loop)
    model, _ = planned.configuration.model
    options: MonitoringOptions = planned.configuration.parameters["monitoring"]
    try:
        with exclusive("monitoring", f"the model '{model}'"):
            _watch(Monitored(model, options, references_for(model)))
    except KeyboardInterrupt:
        say("Stopped watching. The page of the last look is kept.")


def _watch(monitored: Monitored) -> None:
    options = monitored.options
    page = monitoring_folder(monitored.model) / _PAGE
    told = _look(monitored, page, {})  # whatever is wrong at first is told as an error
    with _served(page, options.host, options.port) as address:
        say(f"{address} shows what is out there; a look every {options.every_s:g} s.")
        stop = threading.Event()
        while not stop.wait(options.every_s):
            try:
                told = _look(monitored, page, told)
            except SpyglassError as error:
                complain(f"Error: {error}")


def _look(monitored: Monitored, page: Path, before: Mapping[str, str]) -> dict[str, str]:
    """Look once, write the page, and tell what is new.

    Returns:
        The kind of the verdict on each version, as `before` was that of the last look.
    """
    model = monitored.model
    scenes = predicted_scenes(model)
    found = monitored.look(reviewed_labels(model), scenes, page.with_name(_PICTURES))
    write_whole(page, monitoring_page(found, refresh_s=monitored.options.every_s))
    for version in found.versions:
        if version.verdict.kind != before.get(version.name):
            say(f"{version.name}: {version.verdict.sentence}")
    say_told(monitored.tell(found))
    return {version.name: version.verdict.kind for version in found.versions}


def say_told(told: Told) -> None:
    """Print what is alarming since this look, what is over, and whoever could not be told."""
    for alarm in told.new:
        complain(f"Alarm: {alarm.version}: {alarm.sentence}")
    for key in told.over:
        say(f"Over: {key}")
    for failure in told.failures:
        complain(f"Warning: {failure}")


@contextmanager
def _served(page: Path, host: str, port: int) -> Iterator[str]:
    """Serve one page within a block; yields its address.

    Raises:
        ServerError: If nothing can listen there.
    """

    class Handler(BaseHTTPRequestHandler):
        timeout = _PATIENCE_S

        def do_GET(self) -> None:
            content = page.read_bytes()
            self.send_response(HTTPStatus.OK)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(content)))
            self.send_header("Cache-Control", "no-store")
            policy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
            self.send_header("Content-Security-Policy", policy)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            """Say nothing: requests are not worth a line each."""

    server = _listening(host, port, Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://{host}:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def _listening(host: str, port: int, handler: type[BaseHTTPRequestHandler]) -> ThreadingHTTPServer:
    """Listen on a port, or on a free one where another program of this machine has it."""
    try:
        return ThreadingHTTPServer((host, port), handler)
    except OSError as error:
        if host in _LOOPBACK and port:
            return _listening(host, 0, handler)
        raise ServerError(
            f"The page cannot be served on {host}:{port} ({error.strerror}). Name another place: "
            "--set monitoring.port=PORT"
        ) from None
